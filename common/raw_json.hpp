#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

/// Looking into JSON texts without building values: nothing is copied, nothing re-serialised, and
/// what has no C++ value (1e999, a lone surrogate) is no obstacle.
///
/// The texts are ones that jsonrpc::Reader has found valid, or parts of such. On others nothing bad
/// happens, but what comes out may make no sense.
namespace shim::raw_json {

/// The parts of an object or an array, one after the other. A text that is neither has none.
class Parts {
 public:
  explicit Parts(std::string_view container);

  /// Goes to the next part. False at the end.
  [[nodiscard]] bool next();

  /// Of an object: the name of the present part, a raw string token.
  [[nodiscard]] std::string_view key() const { return key_; }
  /// The raw text of the present part.
  [[nodiscard]] std::string_view value() const { return value_; }

  /// After next() has said false: whether that was the proper end, with nothing behind it.
  [[nodiscard]] bool complete() const { return complete_; }

 private:
  enum class State : std::uint8_t { first, between, done };

  [[nodiscard]] bool take_part();

  std::string_view text_;
  std::size_t at_ = 0;
  char end_ = '\0';  ///< the closing bracket
  State state_ = State::done;
  bool complete_ = false;
  std::string_view key_;
  std::string_view value_;
};

/// The raw value of an object's member, the last one if several have this name; empty if there is
/// none, or `object` is no object. `name` is compared with escapes resolved.
[[nodiscard]] std::string_view member(std::string_view object, std::string_view name);

/// A hash of a value in which neither white space, nor the order of an object's members, nor the
/// way a string is escaped matters. Numbers count as they are spelled.
[[nodiscard]] std::uint64_t fingerprint(std::string_view value);

}  // namespace shim::raw_json
