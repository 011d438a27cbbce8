#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/check.hpp"

/// What the fuzz targets share. A target is one file: its first line says what must always hold,
/// and FUZZ_TARGET(name) checks it with SHIM_CHECK for one `input`. libFuzzer runs one target;
/// replay_test.cpp runs all of them on their corpora.
namespace fuzz {

struct Target {
  std::string_view name;
  void (*run)(std::string_view input);
};

/// The targets linked into this program.
[[nodiscard]] std::vector<Target>& targets();

struct Registration {
  explicit Registration(Target target) { targets().push_back(target); }
};

/// Cuts an input into numbers and texts; never runs dry, but then gives nothing but 0 and "".
class Bytes {
 public:
  explicit Bytes(std::string_view input) : rest_(input) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }

  /// The next byte.
  std::uint8_t byte() { return static_cast<std::uint8_t>(take(1).empty() ? 0 : taken_.front()); }

  /// At most so many bytes.
  std::string_view take(std::size_t most) {
    taken_ = rest_.substr(0, most);
    rest_.remove_prefix(taken_.size());
    return taken_;
  }

  /// What comes before the next newline, or all of it.
  std::string_view line() {
    const std::size_t end = rest_.find('\n');
    const std::string_view text = take(end);
    if (end != std::string_view::npos) rest_.remove_prefix(1);
    return text;
  }

  std::string_view rest() { return take(rest_.size()); }

 private:
  std::string_view rest_;
  std::string_view taken_;
};

/// A copy whose end is the end of an allocation, so that AddressSanitizer sees who reads beyond it.
class Exact {
 public:
  explicit Exact(std::string_view text) : bytes_(text.begin(), text.end()) {}
  [[nodiscard]] std::string_view view() const { return {bytes_.data(), bytes_.size()}; }

 private:
  std::vector<char> bytes_;
};

/// Feeds `stream` in pieces: the next piece is as long as the next byte of `pattern` says, again
/// and again.
template <typename Feed>
void feed_in_pieces(std::string_view stream, std::string_view pattern, Feed feed) {
  for (std::size_t i = 0; !stream.empty(); ++i) {
    const std::size_t length =
        pattern.empty() ? stream.size()
                        : std::size_t{1} + static_cast<unsigned char>(pattern[i % pattern.size()]);
    feed(stream.substr(0, length));
    stream.remove_prefix(std::min(length, stream.size()));
  }
}

/// One line of printable ASCII, as everything that is shown to people must be.
[[nodiscard]] bool is_one_printable_line(std::string_view text);

}  // namespace fuzz

#define FUZZ_TARGET(name)                                                 \
  static void run_##name(std::string_view input);                         \
  static const fuzz::Registration registered_##name{{#name, run_##name}}; \
  static void run_##name([[maybe_unused]] std::string_view input)
