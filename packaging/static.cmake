# Every library but glibc's from its static archive. glibc itself stays shared, or no name could be
# looked up. Included by CMakeLists.txt when MCP_WS_SHIM_STATIC is set.

# Debian has simdjson only as a shared library; this is its source (packaging/simdjson-source.sh).
file(STRINGS ${MCP_WS_SHIM_STATIC}/simdjson.h simdjson_VERSION REGEX "^#define SIMDJSON_VERSION ")
string(REGEX REPLACE ".* " "" simdjson_VERSION "${simdjson_VERSION}")
add_library(simdjson STATIC ${MCP_WS_SHIM_STATIC}/simdjson.cpp)
target_include_directories(simdjson SYSTEM PUBLIC ${MCP_WS_SHIM_STATIC})
add_library(simdjson::simdjson ALIAS simdjson)

# Debian's fmt has no archive either, but can be used as headers alone.
set_target_properties(spdlog::spdlog_header_only PROPERTIES
  INTERFACE_LINK_LIBRARIES "Threads::Threads;fmt::fmt-header-only")

set(OPENSSL_USE_STATIC_LIBS TRUE)
find_package(OpenSSL REQUIRED)
set_target_properties(PkgConfig::LWS PROPERTIES
  INTERFACE_LINK_LIBRARIES "-l:libwebsockets.a;OpenSSL::SSL;-l:libcap.a;-l:libz.a")

# Position-independent code has thousands of addresses to relocate at start; packed, they are read
# from a twentieth of the pages. glibc knows the form since 2.36, which is Debian 12's.
add_link_options(-static-libstdc++ -static-libgcc -Wl,-z,pack-relative-relocs)
