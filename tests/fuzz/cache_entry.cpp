// Invariant: no file's text does harm, and what is written is read back as it was.

#include "shim/core/cache_entry.hpp"

#include <array>

#include "common/jsonrpc.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using shim::CacheEntry;
namespace jsonrpc = shim::jsonrpc;

constexpr std::string_view url = "wss://backend:1/";
constexpr std::string_view version = "2025-06-18";
constexpr std::array<std::string_view, 4> methods{"initialize", "tools/list", "server/discover",
                                                  "resources/list"};

/// Every result can be given to a host as it is.
void check_results(const CacheEntry& entry) {
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  for (const std::string_view method : methods) {
    const std::string* const result = entry.find(method);
    if (result == nullptr) continue;
    const std::string line = jsonrpc::result_answer("1", *result);
    SHIM_CHECK(line.find_first_of("\r\n") == std::string::npos);
    SHIM_CHECK(reader.read(line, message) == jsonrpc::Read::message);
    SHIM_CHECK(message.kind == jsonrpc::Kind::response && message.result == *result);
  }
}

void check_round_trip(const CacheEntry& entry) {
  const auto text = entry.serialise(url, version);
  SHIM_CHECK(text.has_value());
  const auto again = CacheEntry::parse(*text, url, version);
  SHIM_CHECK(again.has_value());
  check_results(*again);
  for (const std::string_view method : methods) {
    const std::string* const before = entry.find(method);
    const std::string* const after = again->find(method);
    SHIM_CHECK((before == nullptr) == (after == nullptr));
    if (before == nullptr) continue;
    SHIM_CHECK(*before == *after);
  }
  SHIM_CHECK(!CacheEntry::parse(*text, "wss://other:1/", version));
  SHIM_CHECK(!CacheEntry::parse(*text, url, "2024-11-05"));
}

/// What a backend answered, as the core stores it: only objects in messages it could read.
void put(CacheEntry& entry, std::string_view method, std::string_view result) {
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  const std::string answer = jsonrpc::result_answer("1", result);
  if (reader.read(answer, message) != jsonrpc::Read::message ||
      message.kind != jsonrpc::Kind::response || !message.result.starts_with('{'))
    return;
  const std::string_view kept = message.result;
  if (entry.put(method, kept)) SHIM_CHECK(!entry.put(method, kept));
}

}  // namespace

/// `f` and a file's text, or results, one per line, each after the number of its method.
FUZZ_TARGET(cache_entry) {
  fuzz::Bytes bytes(input);
  if (input.starts_with('f')) {
    if (const auto entry = CacheEntry::parse(input.substr(1), url, version)) {
      check_results(*entry);
      check_round_trip(*entry);
    }
    return;
  }
  CacheEntry entry;
  while (!bytes.empty()) {
    const std::string_view method = methods[bytes.byte() % methods.size()];
    put(entry, method, bytes.line());
  }
  check_results(entry);
  check_round_trip(entry);
}
