#include "shim/core/legacy_session.hpp"

#include <utility>

#include "common/jsonrpc.hpp"
#include "common/raw_json.hpp"

namespace shim {

std::optional<InitializeFacts> InitializeFacts::read(std::string_view result) {
  const std::string_view version = raw_json::member(result, "protocolVersion");
  if (!version.starts_with('"')) return std::nullopt;
  InitializeFacts facts;
  facts.protocol_version = version;
  const std::string_view capabilities = raw_json::member(result, "capabilities");
  facts.has_logging = !raw_json::member(capabilities, "logging").empty();
  for (const ListKind kind : list_kinds) {
    const std::string_view capability = raw_json::member(capabilities, list_capability(kind));
    const auto index = static_cast<std::size_t>(kind);
    facts.has_list[index] = capability.starts_with('{');
    facts.announces_list[index] = raw_json::member(capability, "listChanged") == "true";
  }
  return facts;
}

void LegacySession::begin(std::string requested_version) {
  *this = LegacySession();
  requested_version_ = std::move(requested_version);
}

void LegacySession::established(std::string initialize_text, InitializeFacts told) {
  initialize_text_ = std::move(initialize_text);
  told_ = std::move(told);
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
    jsonrpc::splice_in_place(text, message.protocol_version, protocol_version());
  }
  if (reader.read(text, message) == jsonrpc::Read::message && !message.id.empty()) {
    jsonrpc::splice_in_place(text, message.id, id);
  }
  return text;
}

std::string LegacySession::log_level() const {
  const std::string_view level = raw_json::member(level_params_, "level");
  return level.starts_with('"') ? jsonrpc::unquote(level) : "info";
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
