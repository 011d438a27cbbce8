#include "files.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>

namespace e2e {
namespace {

[[noreturn]] void refused(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

void File::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Ends make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) refused("pipe2");
  return {.read = File(ends[0]), .write = File(ends[1])};
}

Ends make_socket_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) refused("socketpair");
  return {.read = File(ends[0]), .write = File(ends[1])};
}

void set_nonblocking(const File& file) {
  const int flags = ::fcntl(file.get(), F_GETFL);
  if (flags < 0 || ::fcntl(file.get(), F_SETFL, flags | O_NONBLOCK) != 0) refused("O_NONBLOCK");
}

TempDir::TempDir() {
  std::string name = std::filesystem::temp_directory_path() / "mcp-ws-shim-e2e-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) refused("mkdtemp");
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

void replace_private(const std::string& path, const std::string& content) {
  using std::filesystem::perms;
  write_file(path + ".new", content);
  std::filesystem::permissions(path + ".new", perms::owner_read | perms::owner_write);
  std::filesystem::rename(path + ".new", path);
}

}  // namespace e2e
