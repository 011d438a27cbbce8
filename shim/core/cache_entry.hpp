#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace shim {

/// What one backend last answered to hosts that ask for one protocol version: real results by
/// method, from which a host is served while the backend is away (contract 6). Holds no secrets:
/// the URL it belongs to has had them removed, and requests are not stored.
class CacheEntry {
 public:
  /// Largest file written or believed.
  static constexpr std::size_t file_bytes_max = std::size_t{8} << 20U;

  /// Largest result kept.
  static constexpr std::size_t result_bytes_max = file_bytes_max / 2;

  /// The raw result for this method, or nullptr.
  [[nodiscard]] const std::string* find(std::string_view method) const;

  /// `result`: valid JSON. Returns false if it was known already, to the byte, or is too large.
  [[nodiscard]] bool put(std::string_view method, std::string_view result);

  /// Takes over what `older` knows of methods that are not known here.
  void fill_from(CacheEntry older) { results_.merge(older.results_); }

  /// As the text of a file; nullopt if that would be too large.
  [[nodiscard]] std::optional<std::string> serialise(std::string_view url,
                                                     std::string_view version) const;

  /// Reads a file's text back. nullopt if it is not a file of ours for this URL and version, in
  /// this format and within the limit.
  [[nodiscard]] static std::optional<CacheEntry> parse(std::string_view text, std::string_view url,
                                                       std::string_view version);

 private:
  std::map<std::string, std::string, std::less<>> results_;
};

/// The answer to `initialize` when the backend has never been seen: enough for a host to carry on
/// and to ask again when told that the lists have changed. `version` is a raw JSON string.
[[nodiscard]] std::string minimal_initialize_result(std::string_view version,
                                                    std::string_view shim_version);

}  // namespace shim
