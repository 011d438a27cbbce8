#include "shim/core/pending.hpp"

#include <algorithm>
#include <utility>

#include "common/check.hpp"
#include "common/jsonrpc.hpp"

namespace shim {
namespace {

void sort_by_order(std::vector<Request>& requests) {
  std::ranges::sort(requests, {}, &Request::order);
}

}  // namespace

PendingTable::Added PendingTable::add(Request&& request) {
  std::string key = jsonrpc::token_key(request.id);
  const auto [position, inserted] = requests_.try_emplace(std::move(key));
  if (!inserted) return Added::duplicate;
  position->second = std::move(request);
  const Request& added = position->second;
  if (!added.progress_token.empty()) ++tokens_[jsonrpc::token_key(added.progress_token)];
  return Added::ok;
}

PendingTable::Map::const_iterator PendingTable::locate(std::string_view id) const {
  if (id.find('\\') == std::string_view::npos) return requests_.find(id);
  return requests_.find(jsonrpc::token_key(id));
}

Request* PendingTable::find(std::string_view id) {
  return const_cast<Request*>(std::as_const(*this).find(id));
}

const Request* PendingTable::find(std::string_view id) const {
  const auto position = locate(id);
  return position == requests_.end() ? nullptr : &position->second;
}

bool PendingTable::expects_progress(std::string_view token) const {
  return tokens_.find(jsonrpc::token_key(token)) != tokens_.end();
}

Request PendingTable::remove(std::string_view id) {
  const auto position = locate(id);
  SHIM_CHECK(position != requests_.end());
  return extract(position);
}

Request PendingTable::extract(Map::const_iterator position) {
  Request request = std::move(requests_.extract(position).mapped());
  kept_bytes_ -= request.kept_text.size();
  if (!request.progress_token.empty()) {
    const auto token = tokens_.find(jsonrpc::token_key(request.progress_token));
    if (--token->second == 0) tokens_.erase(token);
  }
  return request;
}

std::vector<Request> PendingTable::take_in_flight(Epoch epoch) {
  std::vector<Request> taken;
  for (auto position = requests_.cbegin(); position != requests_.cend();) {
    const auto current = position++;
    if (current->second.sent_in == epoch) taken.push_back(extract(current));
  }
  sort_by_order(taken);
  return taken;
}

std::vector<Request> PendingTable::take_all() {
  std::vector<Request> taken;
  while (!requests_.empty()) taken.push_back(extract(requests_.cbegin()));
  sort_by_order(taken);
  return taken;
}

std::vector<const Request*> PendingTable::subscriptions() const {
  std::vector<const Request*> live;
  for (const auto& [key, request] : requests_) {
    if (request.acknowledged) live.push_back(&request);
  }
  std::ranges::sort(live, {}, &Request::order);
  return live;
}

bool PendingTable::only_subscriptions() const {
  return std::ranges::all_of(requests_, [](const auto& item) { return item.second.acknowledged; });
}

void PendingTable::sent(Request& request, Epoch epoch, std::string text) {
  SHIM_CHECK(!request.in_flight());
  request.sent_in = epoch;
  kept_bytes_ += text.size();
  request.kept_text = std::move(text);
}

}  // namespace shim
