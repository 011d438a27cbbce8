#include "common/jsonrpc.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <span>
#include <utility>

namespace shim::jsonrpc {
namespace {

/// Buffers above this size are given back after the message that needed them.
constexpr std::size_t kept_capacity_max = std::size_t{1} << 20U;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t skip_digits(std::string_view text, std::size_t at) {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

/// The `number` of RFC 8259 § 6, whatever its size.
bool is_number(std::string_view text) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  if (at >= text.size() || !is_digit(text[at])) return false;
  at = text[at] == '0' ? at + 1 : skip_digits(text, at);
  if (at < text.size() && text[at] == '.') {
    const std::size_t fraction = at + 1;
    at = skip_digits(text, fraction);
    if (at == fraction) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const std::size_t exponent = at;
    at = skip_digits(text, exponent);
    if (at == exponent) return false;
  }
  return at == text.size();
}

bool is_integer(std::string_view text) {
  return is_number(text) && text.find_first_of(".eE") == std::string_view::npos;
}

/// Length of the escape sequence at the start of `text` (RFC 8259 § 7), 0 if it is none.
std::size_t escape_length(std::string_view text) {
  if (text.size() < 2) return 0;
  if (std::strchr("\"\\/bfnrt", text[1]) != nullptr && text[1] != '\0') return 2;
  if (text[1] != 'u' || text.size() < 6) return 0;
  const std::string_view hex = text.substr(2, 4);
  return hex.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos ? 6 : 0;
}

/// Whether every escape in the inside of a string token is legal. simdjson's first stage has
/// already refused control characters and invalid UTF-8.
bool escapes_are_valid(std::string_view inside) {
  for (;;) {
    const std::size_t at = inside.find('\\');
    if (at == std::string_view::npos) return true;
    inside.remove_prefix(at);
    const std::size_t length = escape_length(inside);
    if (length == 0) return false;
    inside.remove_prefix(length);
  }
}

std::string_view trim_right(std::string_view text) {
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_operator(char c) {
  return c == '{' || c == '}' || c == '[' || c == ']' || c == ',' || c == ':';
}

/// How many tokens a text has, valid or not. As simdjson counts them: an invalid text must not make
/// it use more memory either.
std::size_t count_tokens(std::string_view text) {
  std::size_t count = 0;
  bool in_string = false;
  bool in_scalar = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string) {
      if (c == '\\') ++at;
      if (c == '"') in_string = in_scalar = false;
      continue;
    }
    const bool is_scalar = !is_operator(c) && !is_space(c);
    if (c == '"' || !is_scalar || !in_scalar) count += is_space(c) ? 0 : 1;
    in_string = c == '"';
    in_scalar = is_scalar;
  }
  return count;
}

/// The same, but possibly too many: in strings, too, whatever would be a token elsewhere counts.
std::size_t count_tokens_roughly(std::string_view text) {
  const auto ends_scalar = [](char c) { return is_operator(c) || is_space(c); };
  std::size_t count = 1;
  char before = ' ';
  for (const char c : text) {
    const bool starts = !ends_scalar(c) && (ends_scalar(before) || c == '"' || before == '"');
    count += is_operator(c) || starts ? 1U : 0U;
    before = c;
  }
  return count;
}

bool has_too_many_tokens(std::string_view text) {
  return text.size() > tokens_max && count_tokens_roughly(text) > tokens_max &&
         count_tokens(text) > tokens_max;
}

/// Which object of a message the walk is in.
enum class Place : std::uint8_t { elsewhere, root, params, meta, result, error };

constexpr std::string_view too_many_values = "it holds more values than can be read";

/// A member the shim reads, and the place its value opens.
struct Slot {
  Place place;
  std::string_view key;
  std::string_view Message::*member;
  Place opens = Place::elsewhere;
};

constexpr std::array<Slot, 23> slots{{
    {Place::root, "jsonrpc", &Message::jsonrpc},
    {Place::root, "id", &Message::id},
    {Place::root, "method", &Message::method},
    {Place::root, "params", &Message::params, Place::params},
    {Place::root, "result", &Message::result, Place::result},
    {Place::root, "error", &Message::error, Place::error},
    {Place::params, "name", &Message::name},
    {Place::params, "uri", &Message::uri},
    {Place::params, "level", &Message::level},
    {Place::params, "logger", &Message::logger},
    {Place::params, "cursor", &Message::cursor},
    {Place::params, "protocolVersion", &Message::protocol_version},
    {Place::params, "requestId", &Message::request_id},
    {Place::params, "progressToken", &Message::progress_token},
    {Place::params, "progress", &Message::progress},
    {Place::params, "_meta", &Message::meta, Place::meta},
    {Place::meta, "progressToken", &Message::meta_progress_token},
    {Place::meta, "io.modelcontextprotocol/protocolVersion", &Message::meta_protocol_version},
    {Place::meta, "io.modelcontextprotocol/subscriptionId", &Message::meta_subscription_id},
    {Place::meta, "io.modelcontextprotocol/logLevel", &Message::meta_log_level},
    {Place::result, "protocolVersion", &Message::result_protocol_version},
    {Place::error, "code", &Message::error_code},
    {Place::error, "message", &Message::error_message},
}};

using Places = std::array<std::span<const Slot>, 6>;

/// The slots of each place, which are neighbours.
constexpr Places slots_by_place() {
  Places by_place;
  for (std::size_t first = 0; first < slots.size();) {
    std::size_t end = first;
    while (end < slots.size() && slots[end].place == slots[first].place) ++end;
    by_place[static_cast<std::size_t>(slots[first].place)] = {&slots[first], end - first};
    first = end;
  }
  return by_place;
}

std::span<const Slot> slots_of(Place place) {
  static constexpr Places places = slots_by_place();
  return places[static_cast<std::size_t>(place)];
}

const Slot* find_slot(Place place, std::string_view key) {
  for (const Slot& slot : slots_of(place)) {
    if (slot.key == key) return &slot;
  }
  return nullptr;
}

/// One pass over the tokens of a text. simdjson's first stage has found where each token starts and
/// has refused invalid UTF-8, unclosed strings and control characters in strings; this checks the
/// grammar (RFC 8259) and notes the members of the slots on the way. We stop at the first stage
/// because both of simdjson's front ends are wrong for a bridge: DOM refuses numbers and escapes
/// that are legal JSON but have no C++ value, On-Demand does not check what nobody asks for.
class Walk {
 public:
  Walk(std::string_view text, const std::uint32_t* starts, std::size_t count, Message& message,
       std::vector<std::string_view>& elements)
      : text_(text),
        starts_(starts),
        count_(count),
        message_(message),
        elements_(elements),
        has_escapes_(text.find('\\') != std::string_view::npos) {}

  /// Whether the whole text is one valid JSON value.
  [[nodiscard]] bool run() { return value(Place::root, 1) && next_ == count_; }

  /// Which limit run() met, in words; empty if none.
  [[nodiscard]] std::string_view refusal() const;

 private:
  [[nodiscard]] bool value(Place place, unsigned depth);
  [[nodiscard]] bool object(Place place, unsigned depth);
  [[nodiscard]] bool array(Place place, unsigned depth);
  [[nodiscard]] bool member(Place place, unsigned depth);
  [[nodiscard]] bool skip_container();
  void forget(Place place);
  [[nodiscard]] bool key(std::string_view& key);

  [[nodiscard]] bool done() const { return next_ == count_; }
  [[nodiscard]] char peek() const { return done() ? '\0' : text_[starts_[next_]]; }
  [[nodiscard]] bool take(char c) {
    if (peek() != c) return false;
    ++next_;
    return true;
  }
  /// The whole current token; what separates it from the next one is white space.
  [[nodiscard]] std::string_view take_token() {
    const std::size_t start = starts_[next_];
    ++next_;
    const std::size_t end = done() ? text_.size() : starts_[next_];
    return trim_right(text_.substr(start, end - start));
  }

  std::string_view text_;
  const std::uint32_t* starts_;
  std::size_t count_;
  std::size_t next_ = 0;  ///< index of the current token
  Message& message_;
  std::vector<std::string_view>& elements_;
  bool has_escapes_;  ///< most messages have none, and then no string needs a closer look
  std::string key_storage_;
  bool too_deep_ = false;
  bool twice_ = false;
  bool too_many_ = false;
};

bool Walk::value(Place place, unsigned depth) {
  switch (peek()) {
    case '{': return depth > depth_max ? skip_container() : object(place, depth);
    case '[': return depth > depth_max ? skip_container() : array(place, depth);
    case '"': {
      const std::string_view token = take_token();
      return !has_escapes_ || escapes_are_valid(token.substr(1, token.size() - 2));
    }
    default: break;
  }
  if (done()) return false;
  const std::string_view token = take_token();
  return token == "true" || token == "false" || token == "null" || is_number(token);
}

bool Walk::object(Place place, unsigned depth) {
  ++next_;
  if (take('}')) return true;
  do {
    if (!member(place, depth)) return false;
  } while (take(','));
  return take('}');
}

bool Walk::member(Place place, unsigned depth) {
  std::string_view name;
  if (!key(name) || !take(':') || done()) return false;
  const Slot* const slot = find_slot(place, name);
  if (slot == nullptr) return value(Place::elsewhere, depth + 1);
  std::string_view& noted = message_.*slot->member;
  // `params` twice is no worse than any other member twice: the last one counts, as in JavaScript.
  if (!noted.empty()) {
    if (place == Place::root && slot->opens != Place::params) twice_ = true;
    forget(slot->opens);
  }
  const std::size_t start = starts_[next_];
  if (!value(slot->opens, depth + 1)) return false;
  const std::size_t end = done() ? text_.size() : starts_[next_];
  noted = trim_right(text_.substr(start, end - start));
  return true;
}

/// Forgets what an earlier member of the same name held.
void Walk::forget(Place place) {
  for (const Slot& slot : slots_of(place)) {
    message_.*slot.member = {};
    forget(slot.opens);
  }
}

std::string_view Walk::refusal() const {
  if (too_many_) return "the batch holds more than 4096 messages";
  if (twice_) return "a member stands twice";
  // What is too deep in a batch is a matter of that element.
  return too_deep_ && text_[starts_[0]] != '[' ? "it is nested too deeply" : std::string_view();
}

bool Walk::array(Place place, unsigned depth) {
  ++next_;
  if (take(']')) return true;
  if (place != Place::root) ++depth;  // each element of a batch is a message of its own
  do {
    if (done()) return false;
    const std::size_t start = starts_[next_];
    if (!value(Place::elsewhere, depth)) return false;
    if (place == Place::root && elements_.size() >= batch_max) {
      too_many_ = true;
    } else if (place == Place::root) {
      const std::size_t end = done() ? text_.size() : starts_[next_];
      elements_.push_back(trim_right(text_.substr(start, end - start)));
    }
  } while (take(','));
  return take(']');
}

/// Passes over a container too deep to look into: only its brackets are counted. The message, or
/// this element of a batch, is refused whatever it holds.
bool Walk::skip_container() {
  too_deep_ = true;
  std::size_t open = 0;
  while (!done()) {
    const char c = peek();
    ++next_;
    if (c == '{' || c == '[') ++open;
    if ((c == '}' || c == ']') && --open == 0) return true;
  }
  return false;
}

/// Takes a member's key, escapes resolved. `key` may point into this object until the next call.
bool Walk::key(std::string_view& key) {
  if (peek() != '"') return false;
  const std::string_view token = take_token();
  key = token.substr(1, token.size() - 2);
  if (!has_escapes_ || key.find('\\') == std::string_view::npos) return true;
  if (!escapes_are_valid(key)) return false;
  key_storage_ = unquote(token);
  key = key_storage_;
  return true;
}

Kind kind_of(const Message& m) {
  if (m.jsonrpc != "\"2.0\"" && token_key(m.jsonrpc) != "\"2.0\"") return Kind::other;
  if (!m.method.empty()) {
    if (!is_string(m.method) || !m.result.empty() || !m.error.empty()) return Kind::other;
    if (m.id.empty()) return Kind::notification;
    return m.usable_id().empty() ? Kind::other : Kind::request;
  }
  if (m.id.empty() || m.result.empty() == m.error.empty()) return Kind::other;
  if (!m.error.empty() &&
      (m.error.front() != '{' || !is_integer(m.error_code) || !is_string(m.error_message)))
    return Kind::other;
  return m.usable_id().empty() && m.id != "null" ? Kind::other : Kind::response;
}

}  // namespace

bool is_string(std::string_view raw) { return raw.size() >= 2 && raw.front() == '"'; }

bool is_string_or_number(std::string_view raw) {
  return is_string(raw) || (!raw.empty() && (raw.front() == '-' || is_digit(raw.front())));
}

std::string_view Message::usable_id() const {
  return is_string_or_number(id) ? id : std::string_view();
}

struct Reader::Impl {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
  std::vector<std::string_view> elements;
  std::string method_storage;
  std::string_view refusal;

  /// Runs simdjson's first stage, the best kernel this processor has.
  [[nodiscard]] bool find_tokens(std::string_view text);
  [[nodiscard]] Read read(std::string_view text, Message& message);
};

Reader::Reader() : impl_(std::make_unique<Impl>()) {}
Reader::~Reader() = default;

const std::vector<std::string_view>& Reader::elements() const { return impl_->elements; }
std::string_view Reader::refusal() const { return impl_->refusal; }

Read Reader::read(std::string_view text, Message& message) {
  message = Message();
  impl_->elements.clear();
  impl_->refusal = {};
  const Read outcome = impl_->read(text, message);
  if (text.size() > kept_capacity_max) impl_->parser.reset();
  return outcome;
}

bool Reader::Impl::find_tokens(std::string_view text) {
  if (parser == nullptr || parser->capacity() < text.size()) {
    const std::size_t capacity = std::max<std::size_t>(text.size() + text.size() / 2, 4096);
    parser.reset();
    const auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(
        capacity, depth_max, parser);
    if (error != simdjson::SUCCESS) throw std::bad_alloc();
  }
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  return parser->stage1(bytes, text.size(), simdjson::stage1_mode::regular) == simdjson::SUCCESS;
}

Read Reader::Impl::read(std::string_view text, Message& message) {
  if (has_too_many_tokens(text)) {
    refusal = too_many_values;
    return Read::refused;
  }
  if (!find_tokens(text)) return Read::invalid;
  Walk walk(text, parser->structural_indexes.get(), parser->n_structural_indexes, message,
            elements);
  if (!walk.run()) return Read::invalid;
  refusal = walk.refusal();
  if (!refusal.empty()) return Read::refused;
  if (text[parser->structural_indexes[0]] == '[') return Read::batch;

  message.kind = kind_of(message);
  if (is_string(message.method)) {
    message.method = message.method.substr(1, message.method.size() - 2);
    if (message.method.find('\\') != std::string_view::npos) {
      method_storage = unquote("\"" + std::string(message.method) + "\"");
      message.method = method_storage;
    }
  }
  return Read::message;
}

}  // namespace shim::jsonrpc
