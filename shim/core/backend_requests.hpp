#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shim/core/event.hpp"

namespace shim {

/// Requests of the backend that the host has not answered yet (contract 5.1). Towards the host each
/// has a string id of ours, unique in this process: hosts confuse foreign numbers with their own,
/// and a restarted backend starts again at 0.
class BackendRequests {
 public:
  /// Open at once at most; a backend that asks for more is told so.
  static constexpr std::size_t open_max = 1024;
  /// Bytes of the backend's ids of all that are open, at most.
  static constexpr std::size_t id_bytes_max = std::size_t{1} << 20U;

  struct Open {
    std::string host_id;     ///< ours, a raw JSON string
    std::string backend_id;  ///< the backend's own, raw JSON
    Epoch epoch = 0;
  };

  /// Whether this raw id is one of those that open() gives.
  [[nodiscard]] static bool is_ours(std::string_view host_id);

  /// Notes a request and returns the id it has towards the host; nullopt if too many are open, this
  /// backend id is open already, or there is no room for it.
  [[nodiscard]] std::optional<std::string> open(std::string_view backend_id, Epoch epoch);

  /// The host has answered: the request, no longer open. nullopt if we know none by this id.
  [[nodiscard]] std::optional<Open> close(std::string_view host_id);

  /// The backend has cancelled: the request, no longer open.
  [[nodiscard]] std::optional<Open> cancel(std::string_view backend_id);

  /// The link is lost: all that were open, in the order they came, no longer so.
  [[nodiscard]] std::vector<Open> take_all();

 private:
  using Map = std::map<std::uint64_t, Open>;
  Open take(Map::iterator position);

  std::uint64_t last_number_ = 0;
  std::size_t id_bytes_ = 0;
  Map open_;                                                      ///< by our number
  std::unordered_map<std::string, std::uint64_t> by_backend_id_;  ///< token key to our number
};

}  // namespace shim
