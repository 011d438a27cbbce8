#include "shim/core/legacy_session.hpp"

#include <utility>

#include "common/jsonrpc.hpp"

namespace shim {

void LegacySession::begin(std::string initialize_text) {
  *this = LegacySession();
  initialize_text_ = std::move(initialize_text);
}

void LegacySession::established(std::string_view protocol_version) {
  protocol_version_ = protocol_version;
}

bool LegacySession::subscribed(std::string_view uri, std::string_view params) {
  const auto known = subscriptions_.find(std::string(uri));
  if (known == subscriptions_.end() && subscriptions_.size() >= subscriptions_max) return false;
  subscriptions_.insert_or_assign(std::string(uri), std::string(params));
  return true;
}

std::string LegacySession::resume_initialize(std::string_view id) const {
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  std::string text = initialize_text_;
  if (reader.read(text, message) == jsonrpc::Read::message && !message.protocol_version.empty()) {
    text = jsonrpc::splice(text, message.protocol_version, protocol_version_);
  }
  if (reader.read(text, message) == jsonrpc::Read::message && !message.id.empty()) {
    text = jsonrpc::splice(text, message.id, id);
  }
  return text;
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
