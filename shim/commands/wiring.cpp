#include "shim/commands/wiring.hpp"

#include <utility>

#include "shim/io/token.hpp"

namespace shim {

Loop::Config loop_config(const Options& options, bool tls) {
  return {.tls = tls,
          .certificates = {.ca = options.ca_file,
                           .client_cert = options.client_cert,
                           .client_key = options.client_key}};
}

Secrets secrets_of(const Options& options) {
  Secrets secrets;
  secrets.add_headers(options.headers);
  for (const Url& url : options.endpoints) secrets.add_query(url);
  return secrets;
}

Link::Options link_options(const Options& options, Secrets& secrets) {
  Link::Options out;
  out.endpoints = options.endpoints;
  out.headers = options.headers;
  out.credentials = [token = Token(options.token, options.token_file)] {
    Token::Read read = token.read();
    return Link::Credentials{std::move(read.token), std::move(read.error)};
  };
  out.allow_plaintext_token = options.allow_plaintext_token;
  out.secrets = &secrets;
  out.subprotocol = options.subprotocol;
  out.message_bytes_max = options.core.max_message;
  out.connect_timeout = options.core.connect_timeout;
  return out;
}

}  // namespace shim
