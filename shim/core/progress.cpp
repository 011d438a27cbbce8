#include "shim/core/progress.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "common/jsonrpc.hpp"

namespace shim {
namespace {

/// The next value for the host: a step that vanishes beside any step of a backend.
double just_above(double value) {
  constexpr double step = 1e-9;
  return std::max(value + step, std::nextafter(value, std::numeric_limits<double>::infinity()));
}

/// The shortest text that reads back as this number; empty if JSON has none for it.
std::string spell(double value) {
  if (!std::isfinite(value)) return {};
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end};
}

/// A raw JSON value as a number, infinite if it is beyond what a double holds.
std::optional<double> read_number(std::string_view raw) {
  const std::string text(raw);
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0') return std::nullopt;
  return value;
}

}  // namespace

void ProgressTokens::add(std::string_view token, std::string_view request_id, TimePoint now,
                         bool quiet) {
  const std::string key = jsonrpc::token_key(token);
  Token& known = tokens_[key];
  known.raw = token;
  const bool was_quiet = known.requests == known.quiet_requests;
  ++known.requests;
  if (quiet) {
    ++known.quiet_requests;
    return;
  }
  known.request_id = request_id;
  if (was_quiet) schedule(key, known, now);
}

void ProgressTokens::remove(std::string_view token, bool quiet) {
  const auto known = tokens_.find(jsonrpc::token_key(token));
  if (known == tokens_.end()) return;
  --known->second.requests;
  if (quiet) --known->second.quiet_requests;
  if (known->second.requests == known->second.quiet_requests) due_.remove(known->first);
  if (known->second.requests == 0) tokens_.erase(known);
}

bool ProgressTokens::contains(std::string_view token) const {
  return tokens_.contains(jsonrpc::token_key(token));
}

TimePoint ProgressTokens::reported_at(std::string_view token) const {
  return tokens_.at(jsonrpc::token_key(token)).reported_at;
}

void ProgressTokens::restarted(std::string_view token) {
  const auto known = tokens_.find(jsonrpc::token_key(token));
  if (known != tokens_.end()) known->second.ours = true;
}

void ProgressTokens::schedule(const std::string& key, const Token& token, TimePoint now) {
  if (interval_ > Duration::zero() && token.requests > token.quiet_requests)
    due_.set(key, now + interval_);
}

std::string ProgressTokens::reported(std::string_view token, std::string_view value,
                                     TimePoint now) {
  const auto known = tokens_.find(jsonrpc::token_key(token));
  if (known == tokens_.end()) return {};
  known->second.reported_at = now;
  schedule(known->first, known->second, now);
  const auto number = read_number(value);
  if (!number) return {};
  Token& state = known->second;
  if (*number > state.last || !state.ours) {
    state.ours = false;
    state.last = *number;
    return {};
  }
  const double next = just_above(state.last);
  if (!std::isfinite(next)) {  // nothing can be above it
    state.ours = false;
    state.last = *number;
    return {};
  }
  state.last = next;
  return spell(next);
}

std::optional<ProgressTokens::Due> ProgressTokens::take_due(TimePoint now) {
  const auto key = due_.take_due(now);
  if (!key) return std::nullopt;
  Token& token = tokens_.at(*key);
  schedule(*key, token, now);
  const double next = just_above(token.last);
  if (std::isfinite(next)) {
    token.ours = true;
    token.last = next;
  }
  return Due{.token = token.raw, .request_id = token.request_id, .value = spell(next)};
}

void ProgressTokens::postpone_due(TimePoint now) {
  while (const auto key = due_.take_due(now)) schedule(*key, tokens_.at(*key), now);
}

}  // namespace shim
