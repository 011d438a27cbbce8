#include "shim/commands/remedies.hpp"

#include <doctest/doctest.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <variant>
#include <vector>

namespace shim {
namespace {

Url url(const char* text) { return std::get<Url>(parse_url(text)); }

std::string remedy_for(Loss loss, const char* at, bool has_token = false, bool has_ca_file = false,
                       Stretch reached = Stretch::token) {
  const Url where = url(at);
  return remedy(loss, {.url = where,
                       .stretch = stretch_of(loss, reached),
                       .has_token = has_token,
                       .has_ca_file = has_ca_file});
}

bool holds(const std::string& text, const char* part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

constexpr const char* here = "ws://127.0.0.1:8765/";

}  // namespace

TEST_CASE("remedies: whatever keeps a connection from being made has one, on one printable line") {
  std::vector<Cause> causes{Cause::internal};
  for (int i = 0; i <= static_cast<int>(Cause::validate_timeout); ++i)
    causes.push_back(static_cast<Cause>(i));
  for (const Cause cause : causes) {
    CAPTURE(name(cause));
    for (const char* at : {here, "wss://example.org/", "ws+unix:///run/x.sock", "ws://[::1]:1/"}) {
      const std::string text = remedy_for({.cause = cause, .detail = "x"}, at);
      CHECK_FALSE(text.empty());
      CHECK(std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; }));
    }
  }
}

TEST_CASE("remedies: what a TLS handshake wants") {
  const auto holds_for = [](Cause cause, const char* detail, const char* part) {
    return holds(remedy_for({.cause = cause, .detail = detail}, "wss://h/"), part);
  };
  CHECK(holds_for(Cause::certificate, "the backend wants a client certificate", "--client-key"));
  CHECK(holds_for(Cause::reset, "closed, and a client certificate was asked for", "--client-key"));
  CHECK(
      holds_for(Cause::tls, "the backend offers no TLS of version 1.2 or newer", "offer TLS 1.2"));
  CHECK(holds_for(Cause::tls, "what answers does not speak TLS", "ws:// instead"));
}

TEST_CASE("remedies: nothing that listens") {
  CHECK(holds(remedy_for({.cause = Cause::refused}, here),
              "nothing listens on 127.0.0.1:8765; is the container up"));
  CHECK(holds(remedy_for({.cause = Cause::refused}, "ws://example.org:1/"), "its own loopback"));
  CHECK(holds(remedy_for({.cause = Cause::refused}, "ws+unix:///run/x.sock"), "/run/x.sock"));
  CHECK(holds(remedy_for({.cause = Cause::unreachable}, "ws+unix:///run/x.sock"), "/run/x.sock"));
}

TEST_CASE("remedies 13: a socket that this user may not use") {
  const std::string text = remedy_for(
      {.cause = Cause::unreachable, .detail = std::strerror(EACCES)}, "ws+unix:///run/x.sock");
  CHECK(holds(text, "may not use the socket"));
  CHECK(holds(text, "`namei -l /run/x.sock`"));
}

TEST_CASE("remedies: a time limit is about the stretch that was under way") {
  const Loss loss{.cause = Cause::connect_timeout};
  const auto at = [&](Stretch reached) { return remedy_for(loss, here, false, false, reached); };
  CHECK(holds(at(Stretch::lookup), "name server"));
  CHECK(holds(at(Stretch::tcp), "firewall"));
  CHECK(holds(at(Stretch::tls), "no TLS there"));
  CHECK(holds(at(Stretch::upgrade), "HTTP"));
}

TEST_CASE("remedies 13: a port that speaks something else, whether it then waits or hangs up") {
  for (const Cause cause : {Cause::connect_timeout, Cause::reset}) {
    CHECK(
        holds(remedy_for({.cause = cause, .detail = "x; 32 bytes came that answer no HTTP request"},
                         here, false, false, Stretch::upgrade),
              "talks, but no HTTP"));
  }
  CHECK_FALSE(holds(remedy_for({.cause = Cause::closed, .detail = "we answer no HTTP"}, here),
                    "talks, but no HTTP"));
}

TEST_CASE("remedies: each status that a person can do something about") {
  const auto at = [](int status, bool has_token = false) {
    return remedy_for({.cause = Cause::http_status, .status = status},
                      "ws://127.0.0.1:8765/a?key=hunter2", has_token);
  };
  CHECK(holds(at(401), "--token-file"));
  CHECK(holds(at(401, true), "does not accept this token"));
  CHECK(holds(at(404), "nothing is served at /a; "));
  CHECK_FALSE(holds(at(404), "hunter2"));
  CHECK(holds(at(301), "`curl -si http://127.0.0.1:8765/a` shows"));
  CHECK(holds(at(200), "no WebSocket at this path"));
  CHECK(holds(at(500), "log"));
  CHECK(holds(at(502), "proxy"));
}

TEST_CASE("remedies: OpenSSL's words for certificates that are refused are understood") {
  const auto with = [](long error, bool has_ca_file = false) {
    return remedy_for({.cause = Cause::certificate, .detail = X509_verify_cert_error_string(error)},
                      "wss://example.org/", false, has_ca_file);
  };
  CHECK(holds(with(X509_V_ERR_CERT_HAS_EXPIRED), "renew"));
  CHECK(holds(with(X509_V_ERR_CERT_NOT_YET_VALID), "clock"));
  CHECK(holds(with(X509_V_ERR_HOSTNAME_MISMATCH), "made for example.org"));
  CHECK(holds(with(X509_V_ERR_IP_ADDRESS_MISMATCH), "made for example.org"));
  for (const long error :
       {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
        X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY}) {
    CHECK(holds(with(error), "with --ca-file"));
    CHECK(holds(with(error, true), "--ca-file does not hold"));
  }
  CHECK(holds(with(X509_V_ERR_CERT_REVOKED), "openssl s_client"));
}

TEST_CASE("remedies: where an attempt failed") {
  CHECK(stretch_of({.cause = Cause::refused}, Stretch::token) == Stretch::tcp);
  CHECK(stretch_of({.cause = Cause::certificate}, Stretch::tcp) == Stretch::tls);
  CHECK(stretch_of({.cause = Cause::reset}, Stretch::upgrade) == Stretch::upgrade);
  CHECK(stretch_of({.cause = Cause::subprotocol}, Stretch::upgrade) == Stretch::subprotocol);
}

}  // namespace shim
