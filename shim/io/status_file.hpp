#pragma once

#include <optional>
#include <string>

#include "shim/core/session.hpp"
#include "shim/core/status_entry.hpp"
#include "shim/io/descriptor.hpp"

namespace shim {

/// The file in which this process says how it is doing (contract 13): `<pid>.json`, for this user
/// only, there until this object's end. It appears by renaming, so that a reader sees a whole one.
///
/// Written at once when the phase or the epoch has changed, else at most every `interval`, and only
/// if something has changed. A file that cannot be written is tried again after `interval`; nobody
/// is disturbed by that.
class StatusFile {
 public:
  static constexpr Duration interval = std::chrono::seconds(5);

  /// `version`: of this program.
  explicit StatusFile(const std::string& version);
  ~StatusFile();
  StatusFile(const StatusFile&) = delete;
  StatusFile& operator=(const StatusFile&) = delete;

  /// Why there is no file and will be none; else empty.
  [[nodiscard]] const std::string& error() const { return error_; }

  /// Where it is; empty if there is none.
  [[nodiscard]] const std::string& directory() const { return directory_path_; }

  /// To be called after each turn; mostly does nothing.
  void update(TimePoint now, const Session& session);

  /// When update() must be called although nothing happens: something is still to be written.
  [[nodiscard]] std::optional<TimePoint> due() const { return due_; }

 private:
  void note(TimePoint now, const Report& report);
  [[nodiscard]] bool write();
  [[nodiscard]] bool replace() const;

  std::string directory_path_;
  Descriptor directory_;
  std::string error_;
  StatusEntry entry_;
  Report written_;
  bool wrote_ = false;   ///< there has been a file
  bool failed_ = false;  ///< the last time
  TimePoint next_;       ///< no change but one of phase is written before
  std::optional<TimePoint> due_;
};

}  // namespace shim
