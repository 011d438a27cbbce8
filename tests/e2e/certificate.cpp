#include "certificate.hpp"

#include <doctest/doctest.h>

#include <cstdlib>

namespace e2e {

bool run_command(const std::string& command) {
  const bool done = std::system((command + " >/dev/null 2>&1").c_str()) == 0;
  if (!done) MESSAGE("SKIPPED: the openssl program is not there or refuses: " << command);
  return done;
}

void Certificate::make(const std::string& key_type) {
  const std::string curve = key_type == "ec" ? " -pkeyopt ec_paramgen_curve:prime256v1" : "";
  made = run_command("openssl req -x509 -newkey " + key_type + curve +
                     " -nodes -days 2 -subj /CN=e2e -addext subjectAltName=" + names_ +
                     " -keyout " + key + " -out " + cert);
}

void Certificate::expire() {
  const std::string request = files.path("request.pem");
  const std::string settings = files.path("ca.conf");
  write_file(files.path("index"), "");
  write_file(files.path("serial"), "01\n");
  write_file(settings, "[ca]\ndefault_ca=own\n[own]\ndatabase=" + files.path("index") +
                           "\nserial=" + files.path("serial") +
                           "\nnew_certs_dir=" + files.path("") +
                           "\ndefault_md=sha256\npolicy=any\nx509_extensions=more\n"
                           "[any]\ncommonName=supplied\n"
                           "[more]\nsubjectAltName=IP:127.0.0.1\nbasicConstraints=CA:true\n");
  made = run_command("openssl req -new -key " + key + " -subj /CN=e2e -out " + request) &&
         run_command(
             "openssl ca -batch -notext -selfsign -startdate 20200101000000Z "
             "-enddate 20200201000000Z -config " +
             settings + " -keyfile " + key + " -in " + request + " -out " + cert);
}

}  // namespace e2e
