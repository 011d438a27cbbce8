#include "shim/core/pending.hpp"

#include <algorithm>
#include <utility>

#include "common/check.hpp"
#include "common/jsonrpc.hpp"

namespace shim {
namespace {

/// Each is stored up to five times: here, in the timeouts and with the tokens.
std::size_t name_bytes_of(const Request& request) {
  const auto beyond_short = [](std::string_view name) {
    return name.size() > 15 ? name.size() : 0;
  };
  return 5 * (beyond_short(request.id) + beyond_short(request.progress_token)) +
         beyond_short(request.last_word);
}

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
  name_bytes_ += name_bytes_of(added);
  // No news while a host waits for `initialize`: some take anything else for a failure.
  if (!added.progress_token.empty())
    tokens_.add(added.progress_token, added.id, added.accepted, added.waits_for_ever());
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

Request PendingTable::remove(std::string_view id) {
  const auto position = locate(id);
  SHIM_CHECK(position != requests_.end());
  return extract(position);
}

Request PendingTable::extract(Map::const_iterator position) {
  if (timeout_ > Duration::zero()) timeouts_.remove(position->first);
  if (!position->second.last_word.empty()) ends_.remove(position->first);
  Request request = std::move(requests_.extract(position).mapped());
  name_bytes_ -= name_bytes_of(request);
  keep(request, -std::ssize(request.kept_text));
  if (request.in_flight() && !request.is_subscription()) --in_flight_;
  if (!request.progress_token.empty())
    tokens_.remove(request.progress_token, request.waits_for_ever());
  return request;
}

void PendingTable::keep(const Request& request, std::ptrdiff_t bytes) {
  kept_bytes_ += static_cast<std::size_t>(bytes);
  if (request.is_subscription()) subscription_bytes_ += static_cast<std::size_t>(bytes);
}

std::vector<std::string> PendingTable::in_flight_on(Epoch epoch) const {
  std::vector<std::pair<std::uint64_t, std::string>> found;
  for (const auto& [key, request] : requests_) {
    if (request.sent_in == epoch) found.emplace_back(request.order, request.id);
  }
  std::ranges::sort(found);
  std::vector<std::string> ids;
  ids.reserve(found.size());
  for (auto& [order, id] : found) ids.push_back(std::move(id));
  return ids;
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

void PendingTable::sent(Request& request, Epoch epoch, std::string text, TimePoint now) {
  SHIM_CHECK(!request.in_flight());
  request.sent_in = epoch;
  request.waited_once_more = false;
  keep(request, std::ssize(text));
  request.kept_text = std::move(text);
  if (!request.is_subscription()) ++in_flight_;
  if (timeout_ > Duration::zero() && !request.waits_for_ever())
    timeouts_.set(jsonrpc::token_key(request.id), now + timeout_);
}

std::string PendingTable::requeue(Request& request) {
  SHIM_CHECK(request.in_flight());
  if (!request.is_subscription()) --in_flight_;
  timeouts_.remove(jsonrpc::token_key(request.id));
  if (!request.last_word.empty()) {
    ends_.remove(jsonrpc::token_key(request.id));
    set_last_word(request, {});
  }
  if (!request.progress_token.empty()) tokens_.restarted(request.progress_token);
  request.sent_in = 0;
  keep(request, -std::ssize(request.kept_text));
  return std::exchange(request.kept_text, {});
}

void PendingTable::set_last_word(Request& subscription, std::string last_word) {
  name_bytes_ -= name_bytes_of(subscription);
  subscription.last_word = std::move(last_word);
  name_bytes_ += name_bytes_of(subscription);
}

void PendingTable::hold(Request& subscription, std::string last_word, TimePoint until) {
  SHIM_CHECK(subscription.is_subscription() && subscription.in_flight());
  set_last_word(subscription, std::move(last_word));
  ends_.set(jsonrpc::token_key(subscription.id), until);
}

const Request* PendingTable::ended(TimePoint now) {
  const auto key = ends_.take_due(now);
  return key ? &requests_.at(*key) : nullptr;
}

void PendingTable::excuse(TimePoint then) {
  if (timeout_ == Duration::zero()) return;
  for (const auto& [key, request] : requests_) timeouts_.postpone(key, then + timeout_);
}

void PendingTable::wait_once_more(TimePoint now, Duration grace) {
  for (auto& [key, request] : requests_) {
    if (!request.waited_once_more) request.waited_once_more = timeouts_.postpone(key, now + grace);
  }
}

const Request* PendingTable::timed_out(TimePoint now) {
  while (const auto key = timeouts_.take_due(now)) {
    const Request& request = requests_.at(*key);
    if (request.progress_token.empty()) return &request;
    const TimePoint end = tokens_.reported_at(request.progress_token) + timeout_;
    if (end <= now) return &request;
    timeouts_.set(*key, end);
  }
  return nullptr;
}

}  // namespace shim
