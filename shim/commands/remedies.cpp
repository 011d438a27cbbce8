#include "shim/commands/remedies.hpp"

#include <algorithm>

#include "common/text.hpp"

namespace shim {
namespace {

/// The address as a person would name it.
std::string place(const Url& url) {
  return url.unix_path.empty() ? url.authority() : printable(url.unix_path);
}

/// Without the query, which may hold secrets.
std::string path_of(const Url& url) { return url.path.substr(0, url.path.find('?')); }

bool holds(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

std::string if_nobody_listens(const Url& url) {
  if (!url.unix_path.empty())
    return "no backend listens on " + place(url) + "; is it up, and is this its path?";
  if (url.is_loopback())
    return "nothing listens on " + place(url) +
           "; is the container up, and is its port published? `docker ps`";
  return "nothing listens on " + place(url) +
         "; is the backend up there, and does it listen on more than its own loopback?";
}

/// `why` is the system's word for it (strerror).
std::string if_unreachable(const std::string& why, const Url& url) {
  if (url.unix_path.empty())
    return "there is no way to " + place(url) + "; is the network up, the VPN? `ip route get " +
           url.host + "`";
  if (holds(why, "Permission denied"))
    return "this user may not use the socket: look at owner and mode of it and of its directories, "
           "`namei -l " +
           place(url) + "`";
  return if_nobody_listens(url);
}

std::string if_no_http(const Url& url) {
  return "what listens on " + place(url) +
         " talks, but no HTTP: this is the port of something else, or it wants wss://";
}

std::string if_nobody_answers(const Surroundings& around) {
  const std::string where = place(around.url);
  switch (around.stretch) {
    case Stretch::lookup:
      return "no name server answers; `getent hosts " + around.url.host +
             "` asks the same, /etc/resolv.conf names it";
    case Stretch::tcp:
      return "what is sent to " + where +
             " vanishes: a firewall, a wrong address, a machine that is down, or a backend too "
             "busy to accept connections";
    case Stretch::tls:
      return "somebody listens on " + where +
             " and says nothing: no TLS there (then write ws://), or the backend hangs; "
             "`docker ps`";
    case Stretch::token:
    case Stretch::upgrade:
    case Stretch::subprotocol:
    case Stretch::ping: break;
  }
  return "somebody listens on " + where +
         " and does not answer HTTP: the backend hangs, it wants wss://, or this is the port of "
         "something else; `docker ps`";
}

constexpr const char* give_client_certificate =
    "give --client-cert and --client-key: a certificate that is valid, from an issuer whom the "
    "backend trusts";

/// The texts are OpenSSL's (X509_verify_cert_error_string).
std::string if_certificate(const std::string& why, const Surroundings& around) {
  if (holds(why, "client certificate")) return give_client_certificate;
  if (holds(why, "expired"))
    return "renew the backend's certificate; if it is valid, this machine's clock is wrong "
           "(`date`)";
  if (holds(why, "not yet valid")) return "set this machine's clock (`date`), or the backend's";
  if (holds(why, "mismatch"))
    return "call the backend by a name that its certificate is for, or have one made for " +
           around.url.host;
  if (holds(why, "self-signed") || holds(why, "self signed") || holds(why, "unable to get"))
    return around.is_expired
               ? "it has also expired: renew the backend's certificate first; if it is valid, this "
                 "machine's clock is wrong (`date`)"
           : around.has_ca_file
               ? "--ca-file does not hold who issued this certificate; give it the right PEM file"
               : "if you trust the certificate, give it, or that of its issuer, with --ca-file";
  return "have the certificate replaced; `openssl s_client -connect " + place(around.url) +
         "` shows it";
}

std::string if_status(int status, const Surroundings& around) {
  switch (status) {
    case 401:
      return around.has_token
                 ? "the backend does not accept this token; has it expired, or is it another's?"
                 : "the backend wants a token: --token-file PATH, or MCP_WS_SHIM_TOKEN";
    case 403:
      return "the backend knows who asks and refuses: look at its rights, allowed hosts and "
             "origins";
    case 404:
      return "nothing is served at " + path_of(around.url) +
             "; give the path that the backend does serve: " + place(around.url) + "/PATH";
    case 429: return "the backend wants fewer connections; wait, and look who else connects";
    case 502:
    case 503:
    case 504:
      return "a proxy answers, or the backend is starting: is the backend behind it up? "
             "`docker ps`";
    default: break;
  }
  if (status >= 300 && status < 400)
    return "redirects are not followed: give the address that it redirects to, which `curl -si " +
           std::string(around.url.tls ? "https://" : "http://") + around.url.authority() +
           path_of(around.url) + "` shows";
  if (status >= 500) return "the backend failed; its log says why, `docker logs`";
  return "an HTTP server is there, but no WebSocket at this path: look at the port and the path";
}

std::string if_hung_up(const std::string& why, const Surroundings& around) {
  if (holds(why, "client certificate")) return give_client_certificate;
  if (around.stretch == Stretch::ping)
    return "the backend took the connection and hung up; its log may say why, `docker logs`";
  if (!around.url.tls && around.url.unix_path.empty())
    return "look into the backend's log, `docker logs`; if this port speaks TLS, write wss://";
  return "look into the backend's log, `docker logs`";
}

}  // namespace

Stretch stretch_of(const Loss& loss, Stretch reached) {
  switch (loss.cause) {
    case Cause::token: return Stretch::token;
    case Cause::lookup_failed: return Stretch::lookup;
    case Cause::unreachable:
    case Cause::refused: return Stretch::tcp;
    case Cause::tls:
    case Cause::certificate: return Stretch::tls;
    case Cause::http_status:
    case Cause::not_websocket: return Stretch::upgrade;
    case Cause::subprotocol: return Stretch::subprotocol;
    case Cause::validate_timeout: return Stretch::ping;
    case Cause::connect_timeout:
    case Cause::reset:
    case Cause::closed:
    case Cause::resume_timeout:
    case Cause::resume_refused:
    case Cause::incompatible:
    case Cause::no_pong:
    case Cause::path_dead:
    case Cause::replaced:
    case Cause::stalled:
    case Cause::wedged:
    case Cause::internal: break;
  }
  return reached;
}

std::string remedy(const Loss& loss, const Surroundings& around) {
  const Url& url = around.url;
  if ((loss.cause == Cause::connect_timeout || loss.cause == Cause::reset) &&
      holds(loss.detail, "answer no HTTP"))
    return if_no_http(url);
  switch (loss.cause) {
    case Cause::token:
      if (holds(loss.detail, "No such file"))
        return "look at the path; the token goes alone into that file, which nobody else can read: "
               "chmod 600";
      return "the token goes alone into a file of yours that nobody else can read: chmod 600";
    case Cause::lookup_failed:
      return "look at the spelling; `getent hosts " + url.host +
             "` asks the same. Names of compose services are known inside their network only: from "
             "outside use 127.0.0.1 and the published port";
    case Cause::refused: return if_nobody_listens(url);
    case Cause::unreachable: return if_unreachable(loss.detail, url);
    case Cause::connect_timeout: return if_nobody_answers(around);
    case Cause::tls:
      if (holds(loss.detail, "1.2 or newer")) return "let the backend offer TLS 1.2 or newer";
      if (holds(loss.detail, "does not speak TLS"))
        return "write ws:// instead of wss://, or give the port that speaks TLS";
      return "does this port speak TLS? If not, write ws://; if the backend wants a client "
             "certificate, give --client-cert and --client-key";
    case Cause::certificate: return if_certificate(loss.detail, around);
    case Cause::http_status: return if_status(loss.status, around);
    case Cause::not_websocket:
      return "what listens on " + place(url) + " is not a WebSocket server; is it the right port?";
    case Cause::subprotocol:
      return "offer what the backend wants: --subprotocol NAME, or --subprotocol= for none";
    case Cause::reset:
    case Cause::closed: return if_hung_up(loss.detail, around);
    case Cause::validate_timeout:
      return "the backend opens WebSockets and answers no ping: it hangs, is busy or is paused; "
             "`docker ps`";
    case Cause::resume_timeout:
    case Cause::resume_refused:
    case Cause::incompatible:
    case Cause::no_pong:
    case Cause::path_dead:
    case Cause::replaced:
    case Cause::stalled:
    case Cause::wedged: break;
    case Cause::internal:
      return "this machine refused something: look at its limits (`ulimit -n`), its memory and the "
             "shim's settings";
  }
  return {};
}

}  // namespace shim
