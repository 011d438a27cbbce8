#include "files.hpp"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>

namespace backend {

double epoch_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

JsonLines::~JsonLines() {
  if (file_ != nullptr) std::fclose(file_);
}

void JsonLines::open(const std::string& path) {
  file_ = std::fopen(path.c_str(), "ae");
  if (file_ == nullptr) throw std::system_error(errno, std::generic_category(), path);
}

void JsonLines::write(const Json& line) {
  if (file_ == nullptr) return;
  const std::string text = to_text(line) + "\n";
  std::fwrite(text.data(), 1, text.size(), file_);
  std::fflush(file_);
}

HealthFile::HealthFile(std::string path) : path_(std::move(path)), started_at_(epoch_seconds()) {}

void HealthFile::write(bool busy) const {
  if (!enabled()) return;
  const std::string temporary = path_ + ".tmp" + std::to_string(getpid());
  std::FILE* file = std::fopen(temporary.c_str(), "we");
  if (file == nullptr) {
    std::perror(temporary.c_str());
    return;
  }
  const std::string text = to_text({{"t", epoch_seconds()},
                                    {"pid", getpid()},
                                    {"started_at", started_at_},
                                    {"busy", busy}}) +
                           "\n";
  std::fwrite(text.data(), 1, text.size(), file);
  std::fclose(file);
  if (std::rename(temporary.c_str(), path_.c_str()) != 0) std::perror(path_.c_str());
}

}  // namespace backend
