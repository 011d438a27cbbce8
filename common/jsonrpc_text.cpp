// Splicing and building of messages, and what a raw token says.

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "common/jsonrpc.hpp"

namespace shim::jsonrpc {

std::string unquote(std::string_view raw) {
  if (!is_string(raw)) return std::string(raw);
  const std::string_view inside = raw.substr(1, raw.size() - 2);
  if (inside.find('\\') == std::string_view::npos) return std::string(inside);
  const nlohmann::json value = nlohmann::json::parse(raw, nullptr, false);
  return value.is_string() ? value.get<std::string>() : std::string(inside);
}

std::string quote(std::string_view value) {
  return nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string token_key(std::string_view raw) {
  if (!is_string(raw) || raw.find('\\') == std::string_view::npos) return std::string(raw);
  const nlohmann::json value = nlohmann::json::parse(raw, nullptr, false);
  // Lone surrogates cannot be resolved; no resolved key starts with a backslash.
  if (!value.is_string()) return "\\" + std::string(raw);
  return "\"" + value.get<std::string>() + "\"";
}

std::string splice(std::string_view text, std::string_view part, std::string_view replacement) {
  const auto start = static_cast<std::size_t>(part.data() - text.data());
  std::string out;
  out.reserve(text.size() - part.size() + replacement.size());
  out.append(text.substr(0, start));
  out.append(replacement);
  out.append(text.substr(start + part.size()));
  return out;
}

void splice_in_place(std::string& text, std::string_view part, std::string_view replacement) {
  const auto start = static_cast<std::size_t>(part.data() - text.data());
  if (text.size() - part.size() + replacement.size() > text.capacity()) {
    text = splice(text, part, replacement);
  } else {
    text.replace(start, part.size(), replacement);
  }
}

std::vector<std::string> take_apart(std::string&& text,
                                    const std::vector<std::string_view>& parts) {
  std::vector<std::string> out(parts.size());
  // A part that is most of the text stays where it is.
  std::optional<std::size_t> large;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].size() > text.size() / 2) {
      large = i;
    } else {
      out[i] = parts[i];
    }
  }
  if (large) {
    const auto start = static_cast<std::size_t>(parts[*large].data() - text.data());
    const std::size_t length = parts[*large].size();
    text.resize(start + length);
    text.erase(0, start);
    out[*large] = std::move(text);
  }
  std::string().swap(text);
  return out;
}

void flatten(std::string& text) {
  for (const char line_end : {'\r', '\n'}) {  // one at a time: that search is vectorised
    for (std::size_t at = text.find(line_end); at != std::string::npos;
         at = text.find(line_end, at + 1)) {
      text[at] = ' ';
    }
  }
}

std::string error_answer(std::string_view id, int code, std::string_view message,
                         std::string_view data) {
  std::string out = R"({"jsonrpc":"2.0","id":)";
  out.append(id.empty() ? "null" : id);
  out.append(R"(,"error":{"code":)").append(std::to_string(code));
  out.append(R"(,"message":)").append(quote(message));
  if (!data.empty()) out.append(R"(,"data":)").append(data);
  return out.append("}}");
}

std::string result_answer(std::string_view id, std::string_view result) {
  std::string out = R"({"jsonrpc":"2.0","id":)";
  return out.append(id).append(R"(,"result":)").append(result).append("}");
}

std::string notification(std::string_view method, std::string_view params) {
  std::string out = R"({"jsonrpc":"2.0","method":)";
  out.append(quote(method));
  if (!params.empty()) out.append(R"(,"params":)").append(params);
  return out.append("}");
}

std::string request(std::string_view id, std::string_view method, std::string_view params) {
  std::string out = R"({"jsonrpc":"2.0","id":)";
  out.append(id).append(R"(,"method":)").append(quote(method));
  if (!params.empty()) out.append(R"(,"params":)").append(params);
  return out.append("}");
}

}  // namespace shim::jsonrpc
