#pragma once

#include <map>
#include <string>

#include "common/time.hpp"

namespace sim {

class World;

/// The cache directory: what is stored survives the core, reading takes time, and what is read may
/// be somebody else's or broken.
class Disk {
 public:
  explicit Disk(World& world) : world_(world) {}

  // Orders of the core.
  void load(const std::string& version);
  void store(const std::string& version, std::string text) { files_[version] = std::move(text); }

  [[nodiscard]] const std::map<std::string, std::string>& files() const { return files_; }

 private:
  World& world_;
  std::map<std::string, std::string> files_;  ///< by protocol version
};

/// A file as an earlier process may have left it: a session with one tool, `old`.
[[nodiscard]] std::string old_cache_file(const std::string& version);

}  // namespace sim
