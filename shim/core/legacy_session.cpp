#include "shim/core/legacy_session.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "common/json_value.hpp"
#include "common/jsonrpc.hpp"

namespace shim {

std::optional<InitializeFacts> InitializeFacts::read(std::string_view result) {
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  const std::string text = jsonrpc::result_answer("0", result);
  if (reader.read(text, message) != jsonrpc::Read::message ||
      !message.result_protocol_version.starts_with('"'))
    return std::nullopt;
  InitializeFacts facts;
  facts.protocol_version = message.result_protocol_version;
  constexpr std::size_t result_bytes_max = std::size_t{1} << 20U;
  if (result.size() > result_bytes_max) return facts;
  const auto parsed = json_value(result);
  if (!parsed.is_object()) return facts;
  const auto capabilities = parsed.find("capabilities");
  if (capabilities == parsed.end() || !capabilities->is_object()) return facts;
  facts.has_logging = capabilities->contains("logging");
  for (const ListKind kind : list_kinds) {
    const auto capability = capabilities->find(list_capability(kind));
    if (capability == capabilities->end() || !capability->is_object()) continue;
    facts.has_list[static_cast<std::size_t>(kind)] = true;
    const auto changed = capability->find("listChanged");
    facts.announces_list[static_cast<std::size_t>(kind)] =
        changed != capability->end() && changed->is_boolean() && changed->get<bool>();
  }
  return facts;
}

void LegacySession::begin(std::string initialize_text, std::string requested_version) {
  *this = LegacySession();
  initialize_text_ = std::move(initialize_text);
  requested_version_ = std::move(requested_version);
}

bool LegacySession::subscribed(std::string_view uri, std::string_view params) {
  unsubscribed(uri);
  const std::size_t bytes = uri.size() + params.size();
  if (subscriptions_.size() >= subscriptions_max ||
      subscription_bytes_ + bytes > subscription_bytes_max)
    return false;
  subscriptions_.emplace(uri, params);
  subscription_bytes_ += bytes;
  return true;
}

void LegacySession::unsubscribed(std::string_view uri) {
  const auto known = subscriptions_.find(std::string(uri));
  if (known == subscriptions_.end()) return;
  subscription_bytes_ -= known->first.size() + known->second.size();
  subscriptions_.erase(known);
}

std::string LegacySession::resume_initialize(std::string_view id) const {
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  std::string text = initialize_text_;
  if (reader.read(text, message) == jsonrpc::Read::message && !message.protocol_version.empty()) {
    text = jsonrpc::splice(text, message.protocol_version, protocol_version());
  }
  if (reader.read(text, message) == jsonrpc::Read::message && !message.id.empty()) {
    text = jsonrpc::splice(text, message.id, id);
  }
  return text;
}

std::string LegacySession::log_level() const {
  const auto params = json_value(level_params_.empty() ? "{}" : level_params_);
  const auto level = params.find("level");  // the end of what is no object
  return level != params.end() && level->is_string() ? level->get<std::string>() : "info";
}

std::vector<LegacySession::Step> LegacySession::steps() const {
  std::vector<Step> steps;
  if (!level_params_.empty()) steps.push_back({"logging/setLevel", level_params_});
  for (const auto& [uri, params] : subscriptions_) {
    steps.push_back({"resources/subscribe", params});
  }
  return steps;
}

}  // namespace shim
