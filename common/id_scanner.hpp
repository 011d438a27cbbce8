#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shim {

/// Finds the top-level `id` of JSON-RPC messages that are too long or too broken to be parsed, so
/// that the requests they belong to can be settled all the same instead of hanging. The text is one
/// message, or a batch: an array of them.
///
/// A streaming best effort: feed it the text in pieces of any size; what it keeps is bounded. It
/// never fails; on text that is neither an object nor an array of objects it simply finds nothing.
/// Ids nested below the top level of a message are not mistaken for it.
class IdScanner {
 public:
  /// Longest id found.
  static constexpr std::size_t id_bytes_max = std::size_t{64} << 10U;
  /// Bytes of all ids found, at most, plus those of one message.
  static constexpr std::size_t ids_bytes_max = std::size_t{1} << 20U;
  /// Most messages of one batch that are told apart; as many requests as can be pending.
  static constexpr std::size_t messages_max = 65536;

  /// What was seen of one message.
  struct Found {
    /// The raw JSON text of each top-level `id` (a string or a number), in order, at most four.
    std::vector<std::string> ids{};
    /// The text of the top-level `method`, escapes not resolved; empty if there is none of a sane
    /// length.
    std::string method{};
    bool has_method = false;   ///< a top-level `method` was seen
    bool has_outcome = false;  ///< a `result` or an `error` was

    /// Whether it is rather an answer than a request, whose id would be its sender's own.
    [[nodiscard]] bool is_answer() const { return has_outcome || !has_method; }

    bool operator==(const Found&) const = default;
  };

  void feed(std::string_view bytes);

  /// Each message of which anything was seen, in order. Those of a batch that have no id may be
  /// missing.
  [[nodiscard]] const std::vector<Found>& messages() const { return messages_; }

 private:
  enum class Expect : std::uint8_t { key, colon, value };

  void structural(char c);
  void start(char c);
  void start_message();
  void end_of_string();
  void end_of_value();
  void note_id();
  void take(char c);
  /// Whether we are between the brackets of a message and of nothing in it.
  [[nodiscard]] bool at_members() const { return in_message_ && depth_ == member_depth_; }

  std::size_t mark_bytes_ = 0;  ///< of a byte order mark before the text
  std::size_t depth_ = 0;
  std::size_t member_depth_ = 1;  ///< of what stands directly in a message; 2 in a batch
  Expect expect_ = Expect::key;
  bool started_ = false;
  bool dead_ = false;  ///< there is nothing to be found any more
  bool in_message_ = false;
  bool in_string_ = false;
  bool escaped_ = false;
  std::string key_;    ///< raw text of the current top-level key, with its quotes
  std::string value_;  ///< raw text of the current top-level scalar value
  std::vector<Found> messages_;
  std::size_t ids_tried_ = 0;  ///< of the present message, good or not
  std::size_t ids_bytes_ = 0;
};

}  // namespace shim
