// Invariant: what is shown of a URL leads to the same place without its secrets; units read back.

#include "common/url.hpp"

#include "common/text.hpp"
#include "common/units.hpp"
#include "shim/options/placeholders.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using shim::Url;

void check_url(std::string_view text) {
  auto parsed = shim::parse_url(text);
  if (const auto* error = std::get_if<std::string>(&parsed)) {
    SHIM_CHECK(!error->empty() && error->size() < 200);
    return;
  }
  Url url = std::get<Url>(parsed);
  const std::string shown = url.redacted();
  SHIM_CHECK(fuzz::is_one_printable_line(shown));
  const auto again = shim::parse_url(shown);
  if (shown.size() <= 2048) {
    SHIM_CHECK(std::holds_alternative<Url>(again));
    const Url& same = std::get<Url>(again);
    SHIM_CHECK(same.tls == url.tls && same.host == url.host && same.port == url.port);
    SHIM_CHECK(same.unix_path == url.unix_path && same.redacted() == shown);
    SHIM_CHECK(same.path.substr(0, same.path.find('?')) == url.path.substr(0, url.path.find('?')));
  }
  SHIM_CHECK(url.port > 0 || !url.unix_path.empty());
  SHIM_CHECK(url.path.starts_with('/'));
  if (const std::string error = shim::fill_placeholders(url); !error.empty()) {
    SHIM_CHECK(fuzz::is_one_printable_line(error));
    return;
  }
  SHIM_CHECK(shim::is_visible_ascii(url.path) &&
             url.path.find_first_of("{} ") == std::string::npos);
  const std::string filled = url.path;
  SHIM_CHECK(shim::fill_placeholders(url).empty() && url.path == filled);
}

void check_units(std::string_view text) {
  if (const auto span = shim::parse_duration(text)) {
    SHIM_CHECK(*span >= shim::Duration::zero() && *span <= std::chrono::hours(10'000));
    SHIM_CHECK(shim::parse_duration(shim::format_duration(*span)) == span);
    SHIM_CHECK(!shim::describe_duration(*span).empty());
  }
  if (const auto size = shim::parse_size(text)) {
    SHIM_CHECK(*size <= std::size_t{1} << 40U);
    SHIM_CHECK(shim::parse_size(shim::format_size(*size)) == size);
  }
}

}  // namespace

FUZZ_TARGET(url) {
  const fuzz::Exact exact(input);
  check_url(exact.view());
  check_units(exact.view());
  const std::string shown = shim::printable(exact.view());
  SHIM_CHECK(fuzz::is_one_printable_line(shown));
  SHIM_CHECK(shown.size() <= 4 * shim::shown_bytes_max + 3);
}
