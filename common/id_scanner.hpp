#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shim {

/// Finds the top-level `id` of a JSON-RPC message that is too long or too broken to be parsed, so
/// that the request it belongs to can be settled all the same instead of hanging.
///
/// A streaming best effort: feed it the text in pieces of any size; it keeps a few hundred bytes.
/// It never fails; on text that is not a JSON object it simply finds nothing. Ids nested below the
/// top level are not mistaken for it.
class IdScanner {
 public:
  void feed(std::string_view bytes);

  /// The raw JSON text of each top-level `id` seen (a string or a number), in order, at most four.
  [[nodiscard]] const std::vector<std::string>& ids() const { return ids_; }

  /// Whether a top-level `method` was seen, that is, whether the message is no answer.
  [[nodiscard]] bool has_method() const { return has_method_; }

  /// The text of the top-level `method`, escapes not resolved; empty if there is none of a sane
  /// length.
  [[nodiscard]] const std::string& method() const { return method_; }

 private:
  enum class Expect : std::uint8_t { key, colon, value };

  void structural(char c);
  void end_of_value();
  void take(char c);

  std::size_t mark_bytes_ = 0;  ///< of a byte order mark before the text
  std::size_t depth_ = 0;
  Expect expect_ = Expect::key;
  bool started_ = false;
  bool dead_ = false;  ///< the top level is no object, or it has ended
  bool in_string_ = false;
  bool escaped_ = false;
  bool has_method_ = false;
  std::string key_;    ///< raw text of the current top-level key, with its quotes
  std::string value_;  ///< raw text of the current top-level scalar value
  std::string method_;
  std::vector<std::string> ids_;
};

}  // namespace shim
