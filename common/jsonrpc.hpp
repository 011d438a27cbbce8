#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// Reading, splicing and building JSON-RPC 2.0 messages without re-serialising them.
namespace shim::jsonrpc {

/// Deepest nesting accepted (contract 11), of a message: the brackets of a batch do not count.
inline constexpr unsigned depth_max = 128;

/// Most tokens of one message: brackets, colons, commas, strings, numbers and so on. Reading takes
/// four bytes for each, so this bounds the memory that a dense message of any length can make us
/// use to 48 MiB.
inline constexpr std::size_t tokens_max = 12U << 20U;

/// Most elements of one batch.
inline constexpr std::size_t batch_max = 4096;

enum class Kind : std::uint8_t {
  request,       ///< `method` and an `id` that is a string or a number
  notification,  ///< `method` and no `id`
  response,      ///< `id` and exactly one of `result` and a well-formed `error`
  other,         ///< JSON, but no JSON-RPC 2.0 message
};

/// What was found in one message: views of the raw JSON text of the members that mean something to
/// the shim, empty when absent. Strings keep their quotes and escapes, except `method`.
///
/// The views point into the text that was read (and `method` perhaps into the Reader): they live
/// until the text is changed or the Reader reads again.
struct Message {
  Kind kind = Kind::other;

  std::string_view jsonrpc, id, method, params, result, error;          // top level
  std::string_view error_code, error_message;                           // in `error`
  std::string_view result_protocol_version;                             // in `result`
  std::string_view name, uri, level, logger, cursor, protocol_version;  // in `params`
  std::string_view request_id, progress_token, progress;  // in `params` of notifications
  std::string_view meta, meta_progress_token;             // `params._meta`, `.progressToken`
  std::string_view meta_protocol_version;  ///< `_meta["io.modelcontextprotocol/protocolVersion"]`
  std::string_view meta_log_level;         ///< `_meta["io.modelcontextprotocol/logLevel"]`
  std::string_view meta_subscription_id;   ///< `_meta["io.modelcontextprotocol/subscriptionId"]`

  /// The id when it is one JSON-RPC allows in a request, else empty.
  [[nodiscard]] std::string_view usable_id() const;
};

enum class Read : std::uint8_t {
  message,  ///< one JSON value; see Message::kind
  batch,    ///< an array; see Reader::elements()
  refused,  ///< beyond our limits or with a top-level member twice; see Reader::refusal()
  invalid,  ///< not one strictly valid UTF-8 JSON text (RFC 8259)
};

/// The white space of RFC 8259 § 2.
[[nodiscard]] constexpr bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// Whether a raw JSON value is a string.
[[nodiscard]] bool is_string(std::string_view raw);

/// Whether a raw JSON value may be an id (JSON-RPC 2.0, 4) or a progress token (MCP, Progress).
[[nodiscard]] bool is_string_or_number(std::string_view raw);

/// Validates and classifies messages with simdjson; keeps its buffers between reads, and gives them
/// back after a large one. Strictness is that of RFC 8259's grammar and no more: numbers of any
/// size and lone surrogate escapes are legal JSON, hosts do send them, and they pass through
/// unchanged.
class Reader {
 public:
  Reader();
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// Reads `text`. `message` is filled for Read::message; for Read::refused its views are, as far
  /// as the text was looked into.
  [[nodiscard]] Read read(std::string_view text, Message& message);

  /// After Read::batch: the raw text of each element, views into the text read. Whether an element
  /// keeps within the limits is found when it is read itself.
  [[nodiscard]] const std::vector<std::string_view>& elements() const;

  /// After Read::refused: why, in words that can follow "the message was not passed on: ".
  [[nodiscard]] std::string_view refusal() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The value of a raw JSON string token: quotes off, escapes resolved. A token that is no string is
/// returned as it is. Lone surrogates stay as they were written.
[[nodiscard]] std::string unquote(std::string_view raw);

/// `value` as a JSON string token. Bytes that are not UTF-8 are replaced.
[[nodiscard]] std::string quote(std::string_view value);

/// A key under which an id or progress token is looked up: two tokens have the same key exactly if
/// they have the same type and spelling, string escapes resolved (`1`, `1.0` and `"1"` differ;
/// `"a"` and `"\u0061"` do not).
[[nodiscard]] std::string token_key(std::string_view raw);

/// Replaces `part`, a view into `text`; views into it are invalid afterwards. Copies no more than
/// it must.
void splice_in_place(std::string& text, std::string_view part, std::string_view replacement);

/// `text` with `part`, a view into it, replaced.
[[nodiscard]] std::string splice(std::string_view text, std::string_view part,
                                 std::string_view replacement);

/// Copies of some parts of a text, views into it, which is given up.
[[nodiscard]] std::vector<std::string> take_apart(std::string&& text,
                                                  const std::vector<std::string_view>& parts);

/// Line breaks become spaces: a valid JSON text can hold them only as white space (RFC 8259 § 7).
void flatten(std::string& text);

/// An error answer. `id` is raw JSON (`null` if empty); `data` raw JSON or empty.
[[nodiscard]] std::string error_answer(std::string_view id, int code, std::string_view message,
                                       std::string_view data = {});

/// A result answer. `id` and `result` are raw JSON.
[[nodiscard]] std::string result_answer(std::string_view id, std::string_view result);

/// A notification. `params` is raw JSON, or empty for none.
[[nodiscard]] std::string notification(std::string_view method, std::string_view params = {});

/// A request. `id` and `params` are raw JSON; empty params: none.
[[nodiscard]] std::string request(std::string_view id, std::string_view method,
                                  std::string_view params);

// Codes of JSON-RPC 2.0 § 5.1.
inline constexpr int parse_error = -32700;
inline constexpr int invalid_request = -32600;
inline constexpr int method_not_found = -32601;
inline constexpr int internal_error = -32603;

}  // namespace shim::jsonrpc
