#include "shim/commands/sandbox.hpp"

#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "common/text.hpp"

namespace shim {
namespace {

namespace fs = std::filesystem;

constexpr std::uint16_t name_server_port = 53;

/// Of lookups (resolv.conf may be a link into /run) with their plug-ins, and of the system's
/// certificates.
constexpr std::initializer_list<const char*> system_directories{"/etc",
                                                                "/lib",
                                                                "/lib32",
                                                                "/lib64",
                                                                "/usr",
                                                                "/run/NetworkManager",
                                                                "/run/resolvconf",
                                                                "/run/systemd/resolve"};

std::string directory_of(const std::string& file) {
  return fs::absolute(file).parent_path().string();
}

/// OpenSSL looks certificates up by their hash only when it needs them.
void add_certificate_directories(std::vector<std::string>& read) {
  const char* const directories = std::getenv("SSL_CERT_DIR");
  std::string_view rest = directories == nullptr ? "" : directories;
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    if (colon != 0) read.emplace_back(rest.substr(0, colon));
    rest.remove_prefix(colon == std::string_view::npos ? rest.size() : colon + 1);
  }
}

/// That of the name and that of what it leads to now: files are renewed in either.
void add_directories_of(const std::string& file, std::vector<std::string>& allowed) {
  allowed.push_back(directory_of(file));
  std::error_code error;
  const fs::path target = fs::canonical(file, error);
  if (!error) allowed.push_back(target.parent_path().string());
}

/// The directory, or as much of its path as there is: the rest may be made later, and a rule is
/// about what is there.
std::string existing_part(const std::string& directory, std::vector<std::string>& warnings) {
  fs::path part = directory;
  std::error_code ignored;
  while (!fs::exists(part, ignored) && part.has_relative_path()) part = part.parent_path();
  if (part != directory) {
    warnings.push_back("--sandbox: there is no " + printable(directory) + " yet, so all below " +
                       printable(part.string()) + " may be read");
  }
  return part.string();
}

/// A terminal or /dev/null is allowed by itself, not with all devices.
void add_places_of_log(const std::string& file, std::vector<std::string>& write) {
  std::error_code ignored;
  if (fs::is_character_file(file, ignored)) {
    write.push_back(file);
  } else {
    add_directories_of(file, write);
  }
}

}  // namespace

Sandbox sandbox_of(const Options& options, const std::string& status_directory) {
  Sandbox out;
  auto& [read, write, ports] = out.allowed;
  read.assign(system_directories.begin(), system_directories.end());
  add_certificate_directories(read);
  // They are read again when they are renewed, which often makes them other files.
  for (const std::string* const file :
       {&options.token_file, &options.ca_file, &options.client_cert, &options.client_key}) {
    if (!file->empty()) add_directories_of(*file, read);
  }
  // Others write there, so no link of theirs may open more.
  if (!options.health_file.empty())
    read.push_back(existing_part(directory_of(options.health_file), out.warnings));
  write = {options.cache_dir, status_directory};
  if (!options.log.file.empty()) add_places_of_log(options.log.file, write);
  ports.push_back(name_server_port);
  for (const Url& url : options.endpoints) {
    if (url.unix_path.empty()) ports.push_back(url.port);
  }
  return out;
}

}  // namespace shim
