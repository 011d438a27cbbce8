#include "mangle.hpp"

#include <algorithm>
#include <cctype>

namespace backend {
namespace {

/// `1` for `"1"` and the other way round; null where the other type cannot say the same.
Json other_id_type(const Json& id) {
  if (id.is_number()) return to_text(id);
  if (!id.is_string()) return nullptr;
  const std::string text = id.get<std::string>();
  const bool digits =
      !text.empty() && text.size() < 16 &&
      std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  return digits ? Json(std::stol(text)) : Json(nullptr);
}

Json empty_answer(const Json& id) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"result", Json::object()}};
}

/// An answer whose JSON is exactly `depth` levels deep, the answer's own object counted.
std::string deep_answer(const Json& id, long depth) {
  // The object itself and `result` are two levels.
  const auto arrays = static_cast<std::size_t>(std::max(0L, depth - 2));
  return R"({"jsonrpc":"2.0","id":)" + to_text(id) + R"(,"result":{"content":[],"deep":)" +
         std::string(arrays, '[') + std::string(arrays, ']') + (arrays == 0 ? "0}}" : "}}");
}

/// The text of the answer itself after the faults that damage it.
std::string damaged(const Json& answer, const Faults& faults) {
  const std::string id = to_text(member(answer, "id"));
  if (faults.invalid_json) {
    return R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":{"content":[{"type":"te)";
  }
  if (faults.invalid_utf8) {
    return R"({"jsonrpc":"2.0","id":)" + id +
           R"(,"result":{"content":[{"type":"text","text":"bad )" + "\xff" + R"( byte"}]}})";
  }
  if (faults.deep) return deep_answer(member(answer, "id"), *faults.deep);

  Json copy = answer;
  if (faults.bad_jsonrpc) copy.erase("jsonrpc");
  std::string text = to_text(copy, faults.pretty ? 2 : -1);
  if (faults.duplicate_key) text.insert(1, R"("id":)" + id + ",");
  return text;
}

std::string with_crlf(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out.push_back('\r');
    out.push_back(c);
  }
  return out;
}

}  // namespace

std::vector<WireMessage> spell_answer(const Json& answer, const std::string& method,
                                      const Faults& faults) {
  std::vector<WireMessage> out;
  const Json& id = member(answer, "id");
  const bool damages = faults.damages(method);

  if (faults.unknown_progress) {
    out.push_back({to_text({{"jsonrpc", "2.0"},
                            {"method", "notifications/progress"},
                            {"params", {{"progressToken", "nobody-sent-this"}, {"progress", 1}}}}),
                   false});
  }
  if (faults.unknown_id) out.push_back({to_text(empty_answer(987654321)), false});
  if (faults.wrong_id_type) {
    const Json other = other_id_type(id);
    if (!other.is_null()) out.push_back({to_text(empty_answer(other)), false});
  }

  std::string text = damages ? damaged(answer, faults) : to_text(answer, faults.pretty ? 2 : -1);
  if (faults.pretty) text = with_crlf(text);
  if (faults.batch) {
    const Json extra = {
        {"jsonrpc", "2.0"},
        {"method", "notifications/message"},
        {"params", {{"level", "info"}, {"logger", "batch"}, {"data", "in the same batch"}}}};
    text = "[" + text + "," + to_text(extra) + "]";
  }
  const bool binary = faults.binary && damages;
  if (faults.answer_twice) out.push_back({text, binary});
  out.push_back({std::move(text), binary});
  return out;
}

}  // namespace backend
