# What `cmake --install` lays down beside the program, and how CPack makes a .deb of it.

string(TIMESTAMP manual_date "%Y-%m-%d" UTC) # the day of SOURCE_DATE_EPOCH, where it is set
configure_file(packaging/mcp-ws-shim.1.in mcp-ws-shim.1 @ONLY)
set(npm_cpu ${CMAKE_SYSTEM_PROCESSOR}) # as npm calls it
string(REGEX REPLACE "^(x86_64|amd64|AMD64)$" x64 npm_cpu ${npm_cpu})
string(REGEX REPLACE "^aarch64$" arm64 npm_cpu ${npm_cpu})
configure_file(packaging/npm/package.json.in npm/package.json @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/mcp-ws-shim.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES README.md CHANGELOG.md mcp-config.example.json packaging/copyright
        DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "always-up bridge from stdio to a WebSocket MCP server")
set(CPACK_PACKAGE_CONTACT "The mcp-ws-shim authors <mcp-ws-shim@example.org>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_SOURCE_DIR}/packaging/deb-details.cmake)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"The program is the command of a stdio MCP server in an IDE. It keeps a
WebSocket connection to the real server, opens it again whenever it is lost
and restores the MCP session on it, so that the IDE never notices that the
server was restarted, rebuilt or not yet up.")
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
