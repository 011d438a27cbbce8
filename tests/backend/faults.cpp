#include "faults.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <stdexcept>
#include <string_view>

namespace backend {
namespace {

const std::map<std::string_view, bool Faults::*> kSwitches = {
    {"silent-tcp", &Faults::silent_tcp},
    {"silent-upgrade", &Faults::silent_upgrade},
    {"garbage", &Faults::garbage},
    {"no-pong", &Faults::no_pong},
    {"reset-upgrade", &Faults::reset_upgrade},
    {"close-after-open", &Faults::close_after_open},
    {"answer-twice", &Faults::answer_twice},
    {"unknown-id", &Faults::unknown_id},
    {"wrong-id-type", &Faults::wrong_id_type},
    {"unknown-progress", &Faults::unknown_progress},
    {"pretty", &Faults::pretty},
    {"batch", &Faults::batch},
    {"invalid-json", &Faults::invalid_json},
    {"duplicate-key", &Faults::duplicate_key},
    {"invalid-utf8", &Faults::invalid_utf8},
    {"binary", &Faults::binary},
    {"bad-jsonrpc", &Faults::bad_jsonrpc},
    {"host-request-on-open", &Faults::host_request_on_open},
    {"init-error", &Faults::init_error},
    {"init-silent", &Faults::init_silent},
};

const std::map<std::string_view, std::optional<long> Faults::*> kNumbers = {
    {"status", &Faults::status},
    {"close-after-ready", &Faults::close_after_ready_ms},
    {"wedge-after", &Faults::wedge_after_ms},
    {"stop-reading", &Faults::stop_reading},
    {"drop-after", &Faults::drop_after},
    {"fragment", &Faults::fragment},
    {"late-answer-ms", &Faults::late_answer_ms},
    {"oversize", &Faults::oversize},
    {"deep", &Faults::deep},
    {"notify-flood", &Faults::notify_flood},
};

long to_number(std::string_view text, const std::string& item) {
  long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) {
    throw std::invalid_argument("--fault " + item + ": needs a number of 0 or more");
  }
  return value;
}

}  // namespace

bool Faults::damages(const std::string& method) const {
  return std::any_of(methods.begin(), methods.end(), [&](const std::string& candidate) {
    return candidate == "*" || candidate == method;
  });
}

Faults parse_faults(const std::vector<std::string>& items) {
  Faults faults;
  for (const std::string& item : items) {
    const std::size_t equals = item.find('=');
    const std::string_view name = std::string_view(item).substr(0, equals);
    const bool has_value = equals != std::string::npos;
    const std::string_view value =
        has_value ? std::string_view(item).substr(equals + 1) : std::string_view();

    if (const auto found = kSwitches.find(name); found != kSwitches.end()) {
      if (has_value) throw std::invalid_argument("--fault " + item + ": takes no value");
      faults.*found->second = true;
    } else if (const auto number = kNumbers.find(name); number != kNumbers.end()) {
      faults.*number->second = to_number(value, item);
    } else if (name == "redirect" && !value.empty()) {
      faults.redirect = value;
    } else if (name == "close-after") {
      const std::size_t colon = value.find(':');
      if (colon == std::string_view::npos) {
        throw std::invalid_argument("--fault " + item + ": needs MESSAGES:CODE");
      }
      faults.close_after.emplace(to_number(value.substr(0, colon), item),
                                 static_cast<int>(to_number(value.substr(colon + 1), item)));
    } else {
      throw std::invalid_argument("--fault " + item + ": no such fault");
    }
  }
  if (faults.fragment == 0) throw std::invalid_argument("--fault fragment: needs 1 or more");
  return faults;
}

}  // namespace backend
