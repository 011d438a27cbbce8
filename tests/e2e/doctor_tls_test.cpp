// doctor and wss:// (contract 11 and 13): what is wrong with a certificate, and what to do about
// it.

#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cstdlib>

#include "certificate.hpp"
#include "command.hpp"
#include "diagnosis.hpp"
#include "host.hpp"

namespace e2e {
namespace {

std::string wss(std::uint16_t port, const std::string& host = "127.0.0.1") {
  return "wss://" + host + ":" + std::to_string(port) + "/";
}

Arguments trusting(const Certificate& certificate) { return {"--ca-file", certificate.cert}; }

}  // namespace

TEST_CASE("doctor: a good certificate passes, with a warning when it expires soon") {
  const Certificate soon("IP:127.0.0.1,DNS:localhost");  // in two days
  if (!soon.made) return;
  Backend backend(soon.served());
  const Diagnosis diagnosis = diagnose(trusting(soon) + wss(backend.port()));
  CHECK(diagnosis.status == 0);
  CHECK(diagnosis.step("TLS")["status"] == "warning");
  check_holds(diagnosis.step("TLS")["remedy"].get<std::string>(), "it expires within ");
  for (const char* part :
       {"TLSv1.3", "certificate for 127.0.0.1, localhost", "issued by e2e", "valid from 20"}) {
    check_holds(diagnosis.detail("TLS"), part);
  }
  CHECK(diagnosis.step("lists")["status"] == "ok");

  const Certificate lasting("IP:127.0.0.1");
  if (!run_command("openssl x509 -in " + lasting.cert + " -signkey " + lasting.key +
                   " -days 90 -copy_extensions copy -out " + lasting.files.path("90.pem")))
    return;
  Backend other({"--cert", lasting.files.path("90.pem"), "--key", lasting.key});
  const Diagnosis good =
      diagnose(Arguments{"--ca-file", lasting.files.path("90.pem")} + wss(other.port()));
  CHECK(good.status == 0);
  CHECK(good.step("TLS")["status"] == "ok");
}

TEST_CASE("doctor: a certificate that nobody vouches for, has expired, or is for another name") {
  const Certificate own("IP:127.0.0.1");
  const Certificate other("IP:127.0.0.1");
  const Certificate elsewhere("DNS:another.example");
  Certificate expired("IP:127.0.0.1");
  if (expired.made) expired.expire();
  if (!own.made || !other.made || !elsewhere.made || !expired.made) return;
  const auto check = [](const Certificate& served, const Arguments& flags, const char* detail,
                        const char* remedy) {
    Backend backend(served.served());
    const Diagnosis diagnosis = diagnose(flags + wss(backend.port()));
    check_failure(diagnosis, "TLS", detail, remedy);
    check_failure(diagnosis, "TLS", "certificate for ", "");
    CHECK(diagnosis.step("TCP")["status"] == "ok");
  };
  check(own, {}, "self-signed", "--ca-file");
  check(other, trusting(own), "certificate: ", "--ca-file does not hold");
  check(elsewhere, trusting(elsewhere), "mismatch", "made for 127.0.0.1");
  check(elsewhere, trusting(elsewhere), "certificate for another.example", "by a name");
  check(expired, trusting(expired), "expired", "renew");
  check(expired, trusting(expired), "2020-02-01", "renew");
  check(expired, {}, "self-signed", "has also expired");  // --ca-file would not be enough
}

TEST_CASE("doctor 13: no --ca-file is blamed where nobody gave one and the program found its own") {
  const Certificate own("IP:127.0.0.1");
  if (!own.made) return;
  // OpenSSL's own place is empty then, as on other systems than it was built for.
  const std::string elsewhere = "unshare -rm sh -c 'mount -t tmpfs none /usr/lib/ssl && exec ";
  if (!run_command(elsewhere + "true'")) {
    MESSAGE("SKIPPED: no namespaces here");
    return;
  }
  Backend backend(own.served());
  const TempDir files;
  const std::string command = elsewhere + shim_program() + " doctor --json " + wss(backend.port()) +
                              "' >" + files.path("out");
  const int status = std::system(command.c_str());
  check_failure(
      read_diagnosis(
          {.status = WEXITSTATUS(status), .out = read_file(files.path("out")), .err = {}}),
      "TLS", "self-signed", "give it, or that of its issuer");
}

TEST_CASE("doctor: TLS where there is none, and none where there is") {
  const Certificate own("IP:127.0.0.1");
  if (!own.made) return;
  Backend plain(Arguments{});
  check_failure(diagnose(trusting(own) + wss(plain.port())), "TLS", "tls: ", "ws://");
  RawServer silent;
  check_failure(
      diagnose(trusting(own) + Arguments{"--connect-timeout", flag(500ms)} + wss(silent.port())),
      "TLS", "connect-timeout", "says nothing");
  Backend secure(own.served());
  check_failure(diagnose({secure.url()}), "upgrade", "", "wss://");
}

TEST_CASE("doctor: a backend that wants a client certificate") {
  const Certificate own("IP:127.0.0.1");
  const Certificate client("IP:127.0.0.1");
  if (!own.made || !client.made) return;
  Backend backend(own.served() + Arguments{"--client-ca", client.cert});
  check_failure(diagnose(trusting(own) + wss(backend.port())), "upgrade", "client certificate",
                "--client-cert");
  CHECK(diagnose(trusting(own) +
                 Arguments{"--client-cert", client.cert, "--client-key", client.key} +
                 wss(backend.port()))
            .status == 0);
}

}  // namespace e2e
