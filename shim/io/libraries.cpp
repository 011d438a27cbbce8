#include "shim/io/libraries.hpp"

#include <libwebsockets.h>
#include <openssl/crypto.h>

namespace shim {

std::string library_versions() {
  // "4.1.6-": after the dash comes the commit, which Debian's build has none of.
  const std::string websockets = lws_get_library_version();
  return "libwebsockets " + websockets.substr(0, websockets.find('-')) + "\nOpenSSL " +
         OpenSSL_version(OPENSSL_VERSION_STRING);
}

}  // namespace shim
