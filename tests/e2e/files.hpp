#pragma once

#include <filesystem>
#include <string>
#include <utility>

namespace e2e {

/// Owns a descriptor and closes it.
class File {
 public:
  File() = default;
  explicit File(int fd) : fd_(fd) {}
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~File() { close(); }

  void close();
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct Ends {
  File read;   ///< of a socket pair: one end
  File write;  ///< the other
};

/// Both close on exec. Throws if the system refuses them.
[[nodiscard]] Ends make_pipe();
[[nodiscard]] Ends make_socket_pair();
void set_nonblocking(const File& file);

/// A new directory of our own, removed with all that is in it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// The whole content; empty if there is none.
[[nodiscard]] std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& content);
/// The same, for its owner only, under another name first: nobody ever sees half of it.
void replace_private(const std::string& path, const std::string& content);

}  // namespace e2e
