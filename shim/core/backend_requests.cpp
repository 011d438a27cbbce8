#include "shim/core/backend_requests.hpp"

#include <charconv>
#include <utility>

#include "common/jsonrpc.hpp"

namespace shim {
namespace {

constexpr std::string_view prefix = "\"mcp-ws-shim:";

}  // namespace

bool BackendRequests::is_ours(std::string_view host_id) {
  return jsonrpc::token_key(host_id).starts_with(prefix);
}

std::optional<std::string> BackendRequests::open(std::string_view backend_id, Epoch epoch) {
  std::string key = jsonrpc::token_key(backend_id);
  if (open_.size() >= open_max || id_bytes_ + backend_id.size() > id_bytes_max ||
      by_backend_id_.contains(key))
    return std::nullopt;
  id_bytes_ += backend_id.size();
  const std::uint64_t number = ++last_number_;
  std::string host_id = std::string(prefix) + std::to_string(number) + "\"";
  by_backend_id_.emplace(std::move(key), number);
  open_.emplace(number, Open{host_id, std::string(backend_id), epoch});
  return host_id;
}

std::optional<BackendRequests::Open> BackendRequests::close(std::string_view host_id) {
  const std::string id = jsonrpc::token_key(host_id);
  if (!id.starts_with(prefix)) return std::nullopt;
  std::uint64_t number = 0;
  const char* const end = id.data() + id.size();
  const auto [rest, error] = std::from_chars(id.data() + prefix.size(), end, number);
  if (error != std::errc() || std::string_view(rest, static_cast<std::size_t>(end - rest)) != "\"")
    return std::nullopt;
  const auto position = open_.find(number);
  if (position == open_.end() || position->second.host_id != id) return std::nullopt;
  return take(position);
}

std::optional<BackendRequests::Open> BackendRequests::cancel(std::string_view backend_id) {
  const auto known = by_backend_id_.find(jsonrpc::token_key(backend_id));
  if (known == by_backend_id_.end()) return std::nullopt;
  return take(open_.find(known->second));
}

std::vector<BackendRequests::Open> BackendRequests::take_all() {
  std::vector<Open> all;
  all.reserve(open_.size());
  while (!open_.empty()) all.push_back(take(open_.begin()));
  return all;
}

BackendRequests::Open BackendRequests::take(Map::iterator position) {
  Open open = std::move(position->second);
  open_.erase(position);
  id_bytes_ -= open.backend_id.size();
  by_backend_id_.erase(jsonrpc::token_key(open.backend_id));
  return open;
}

}  // namespace shim
