// Answers given while the backend is away, and what they are made from (contract 6).

#include <algorithm>
#include <utility>

#include "common/raw_json.hpp"
#include "shim/core/session.hpp"

namespace shim {

/// Notes that a request which cannot be sent may be answered without the backend, after a grace in
/// which it may come back.
void Session::offer_offline(const Request& request) {
  if (!uses_cache() || request.has_cursor) return;
  switch (request.method) {
    case mcp::Method::initialize:
    case mcp::Method::discover: break;
    case mcp::Method::set_level:
      // Some hosts wait for it before anything else; a new link is told the level in any case.
      if (request.modern() || !legacy_.is_established()) return;
      break;
    case mcp::Method::listen:
      if (!request.is_subscription() || request.acknowledged) return;
      break;
    default:
      if (!list_kind(request.method)) return;
  }
  // Loads the cache while the grace runs.
  static_cast<void>(cached(cache_version(request)));
  // The grace runs from when the backend went away: four lists asked for one after the other must
  // not wait four times. A host's patience with initialize began when it asked, at the latest.
  TimePoint due = now_ - supervisor_.down_for(now_) + settings_.init_grace;
  if (request.method == mcp::Method::initialize)
    due = std::min(due, request.accepted + std::min(settings_.init_grace, settings_.init_timeout));
  offline_.emplace(std::max(now_, due), request.order);
}

void Session::answer_offline_due() {
  if (supervisor_.ready()) return;
  while (!offline_.empty() && offline_.begin()->first <= now_) {
    const std::uint64_t order = offline_.begin()->second;
    const Outbox::Item* const item = outbox_.find(order);
    Request* const request = item == nullptr ? nullptr : pending_.find(item->request_id);
    if (request == nullptr) {  // cancelled or settled meanwhile
      offline_.erase(offline_.begin());
      continue;
    }
    if (!cached(cache_version(*request)).loaded) return;  // CacheLoaded brings us back
    offline_.erase(offline_.begin());
    if (request->is_subscription()) {
      acknowledge_offline(*request);
    } else if (const auto result = offline_result(*request)) {
      answer_offline(request->id, *result);
    } else if (request->method == mcp::Method::initialize) {
      offline_.emplace(request->accepted + settings_.init_timeout, order);
    } else if (request->method == mcp::Method::discover) {
      // The host takes this for a server of the legacy era and goes on with initialize.
      const Request settled = pending_.remove(request->id);
      outbox_.remove(order);
      write_host(
          refusal(settled.id, jsonrpc::method_not_found, "Method not found", settled.sent_before));
    }
  }
}

/// A host that waits for the acknowledgement of its subscription waits with everything else. The
/// subscription is live as far as it is concerned; the real acknowledgement will stay here, and
/// what has changed by then will be announced.
void Session::acknowledge_offline(Request& request) {
  if (std::exchange(request.acknowledged, true)) return;
  const std::string_view message = outbox_.find(request.order)->text;
  std::string asked(raw_json::member(raw_json::member(message, "params"), "notifications"));
  if (asked.empty()) asked = "{}";
  jsonrpc::flatten(asked);
  write_host(jsonrpc::notification("notifications/subscriptions/acknowledged",
                                   R"({"notifications":)" + asked +
                                       R"(,"_meta":{"io.modelcontextprotocol/subscriptionId":)" +
                                       request.id + "}}"));
}

/// The result to give without the backend, if there is one.
std::optional<std::string> Session::offline_result(const Request& request) {
  const CacheEntry& entry = cached(cache_version(request)).entry;
  if (const auto kind = list_kind(request.method)) {
    // What is cached is never older than what the host was last shown.
    if (const std::string* const known = entry.find(list_method(*kind))) return *known;
    if (const std::string* const last = lists(request.modern()).last(*kind)) return *last;
    if (minimal_given_ && !request.modern()) return empty_list(*kind);
    return std::nullopt;
  }
  if (request.method == mcp::Method::set_level) return "{}";
  if (request.method == mcp::Method::discover) {
    const std::string* const known = entry.find("server/discover");
    return known == nullptr ? std::nullopt : std::optional(*known);
  }
  const std::string* const known = entry.find("initialize");
  if (known != nullptr && InitializeFacts::read(*known)) return *known;
  if (now_ < request.accepted + settings_.init_timeout) return std::nullopt;
  minimal_given_ = true;
  return minimal_initialize_result(jsonrpc::quote(legacy_.requested_version()),
                                   settings_.shim_version);
}

void Session::answer_offline(std::string_view id, const std::string& result) {
  Request settled = pending_.remove(id);
  std::string text = outbox_.take(settled.order).text;
  if (const auto kind = list_kind(settled.method)) {
    show_list(settled, *kind, result, 0);
  } else if (settled.method == mcp::Method::discover) {
    learn_discovered(result);
  } else if (settled.method == mcp::Method::set_level) {
    settled.kept_text = std::move(text);
    learn_setting(settled);
  } else if (settled.method == mcp::Method::initialize) {
    legacy_.established(std::move(text), *InitializeFacts::read(result));
    owes_changes_ = minimal_given_;
    outbox_.remove(std::exchange(initialized_order_, 0));  // from now on the resuming sends it
    log(LogLevel::info, minimal_given_
                            ? "initialize answered without the backend, which has never been seen"
                            : "initialize answered from the cache: the backend is away");
  }
  write_host(jsonrpc::result_answer(settled.id, result));
}

/// The host is given this result of its list request, which came over this link, or from the cache.
void Session::show_list(const Request& request, ListKind kind, std::string_view result,
                        Epoch from) {
  Lists& shown = lists(request.modern());
  shown.shown(kind, result, !request.has_cursor, from);
  if (kind == ListKind::tools) shown.learn_tools(result, !request.has_cursor);
}

/// What is cached for a version; asks for the file when the version is first seen.
Session::Cached& Session::cached(const std::string& version) {
  // The version is part of a file name, and a host that asks for many gets no cache for the rest.
  constexpr std::size_t versions_max = 8;
  constexpr std::string_view plain =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-.";
  const auto known = cache_.find(version);
  if (known == cache_.end() &&
      (version.empty() || version.size() > 32 || cache_.size() >= versions_max ||
       version.find_first_not_of(plain) != std::string::npos))
    return no_cache_;
  Cached& cached = cache_[version];
  if (known == cache_.end()) out_->emplace_back(action::LoadCache{version});
  if (!cached.text.empty()) {
    const std::string text = std::exchange(cached.text, {});
    auto entry = CacheEntry::parse(text, settings_.endpoints.front(), version);
    const std::string* const initialize = entry ? entry->find("initialize") : nullptr;
    if (entry && (initialize == nullptr || InitializeFacts::read(*initialize))) {
      cached.entry.fill_from(std::move(*entry));
    } else {
      log(LogLevel::warn, "the cache file is corrupt or not ours; it will be replaced");
    }
  }
  return cached;
}

void Session::handle(event::CacheLoaded& event) {
  const auto known = cache_.find(event.version);
  if (known == cache_.end() || known->second.loaded) return;
  known->second.loaded = true;
  known->second.text = event.text;
  if (std::exchange(known->second.unsaved, false)) {
    // What was learnt meanwhile is mostly what is in the file already.
    Cached& merged = cached(event.version);
    if (merged.entry.serialise(settings_.endpoints.front(), event.version) != event.text)
      save(event.version, merged);
  }
  answer_offline_due();
}

/// Keeps a real result for hosts to come.
void Session::remember(const std::string& version, std::string_view method,
                       std::string_view result) {
  if (!uses_cache() || !result.starts_with('{')) return;
  Cached& known = cached(version);
  if (!known.usable || !known.entry.put(method, result)) return;
  if (known.loaded) {
    save(version, known);
  } else {
    known.unsaved = true;
  }
}

void Session::save(const std::string& version, Cached& known) {
  if (auto text = known.entry.serialise(settings_.endpoints.front(), version)) {
    out_->emplace_back(action::StoreCache{version, std::move(*text)});
  } else {
    warn(cache_size_log_, "the lists of this backend are too large to be cached");
  }
}

}  // namespace shim
