#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "common/id_scanner.hpp"

namespace shim {

/// Turns a byte stream into lines ended by '\n' (contract 3), bounded in memory: a line longer than
/// the limit is skipped to its end while only its id is looked for.
///
/// Use: read into space(), commit() what arrived, then pull() until it says need_more.
class LineFramer {
 public:
  enum class Pull { line, oversize, need_more };

  /// `line_bytes_max`: the longest line accepted, its newline not counted.
  explicit LineFramer(std::size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}

  /// Room for at least `bytes` more bytes; valid until the next call of any member.
  [[nodiscard]] std::span<char> space(std::size_t bytes);

  /// Says that the first `bytes` of the last space() have been filled.
  void commit(std::size_t bytes);

  /// Pulls one line, without its '\n' and without a '\r' before it; lines of white space only are
  /// passed over. Leaves `line` untouched unless it returns Pull::line.
  [[nodiscard]] Pull pull(std::string& line);

  /// Like pull(), once the stream has ended: what is left counts as a line.
  [[nodiscard]] Pull pull_last(std::string& line);

  /// What could be learnt about the line that pull() last called oversize.
  [[nodiscard]] const IdScanner& oversize() const { return oversize_; }

 private:
  [[nodiscard]] Pull pull_until(std::string& line, bool ended);
  void take_line(std::string& line, std::size_t end);
  void start_skipping();

  std::size_t line_bytes_max_;
  std::string buffer_;  ///< [begin_, end_) holds bytes not pulled yet
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t scanned_ = 0;  ///< no '\n' in [begin_, scanned_)
  bool skipping_ = false;
  IdScanner oversize_;
};

}  // namespace shim
