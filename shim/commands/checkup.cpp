#include "shim/commands/checkup.hpp"

#include <algorithm>
#include <utility>

#include "common/text.hpp"
#include "shim/io/clock.hpp"
#include "shim/io/resolver.hpp"
#include "shim/io/token.hpp"
#include "shim/io/upgrade_failure.hpp"

namespace shim {
namespace {

/// A certificate that expires sooner is worth a warning.
constexpr long days_to_expiry_min = 14;

const char* name(Stretch stretch) {
  switch (stretch) {
    case Stretch::token: return "token";
    case Stretch::lookup: return "lookup";
    case Stretch::tcp: return "TCP";
    case Stretch::tls: return "TLS";
    case Stretch::upgrade: return "upgrade";
    case Stretch::subprotocol: return "subprotocol";
    case Stretch::ping: return "ping";
  }
  return "?";
}

Stretch after(Stretch stretch) { return static_cast<Stretch>(static_cast<int>(stretch) + 1); }

}  // namespace

Checkup::Checkup(const Options& options, std::size_t endpoint,
                 std::function<void(const Step&)> on_step)
    : options_(options),
      url_(options.endpoints[endpoint]),
      on_step_(std::move(on_step)),
      mark_(monotonic_now()),
      client_(options, endpoint, [this](const Milestone& milestone) { on_milestone(milestone); }) {}

void Checkup::run() {
  mark_ = monotonic_now();
  check_settings();
  if (check_token() && check_link()) {
    check_mcp();
  } else {
    for (const char* const step : {"era", "handshake", "lists"}) skip(step, "not tried");
  }
  check_health_file();
}

void Checkup::note(Step step) {
  const TimePoint now = monotonic_now();
  if (!step.time && step.verdict != Verdict::skipped) step.time = now - mark_;
  mark_ = now;
  // A backend may say in its own words what we have sent it.
  step.detail = client_.secrets().removed_from(step.detail);
  steps_.push_back(std::move(step));
  on_step_(steps_.back());
}

void Checkup::skip(const char* name, const char* why) {
  note({.name = name, .verdict = Verdict::skipped, .detail = why});
}

/// Whether the user gave it, and not the program.
bool Checkup::is_given(std::string_view setting) const {
  const auto found = std::ranges::find(options_.shown, setting, &ShownSetting::name);
  return found != options_.shown.end() && found->origin != "default";
}

/// They are valid, else we would not be here.
void Checkup::check_settings() {
  std::string given;
  for (const ShownSetting& setting : options_.shown) {
    if (setting.origin == "default") continue;
    given += (given.empty() ? "" : ", ") + setting.name + " (" + setting.origin + ")";
  }
  note({.name = "settings", .detail = std::move(given)});
}

bool Checkup::check_token() {
  Step step;
  if (options_.authorises()) {
    step.detail = "Authorization is given with --header";
  } else if (!options_.has_token()) {
    finish(Stretch::token, {.verdict = Verdict::skipped, .detail = "none is given"});
    return true;
  } else {
    const std::string error = Token(options_.token, options_.token_file).read().error;
    if (!error.empty()) {
      fail({.cause = Cause::token, .detail = error});
      return false;
    }
    step.detail = options_.token_file.empty() ? "set" : printable(options_.token_file);
  }
  if (options_.allow_plaintext_token && !url_.tls && !url_.is_loopback()) {
    step.verdict = Verdict::warning;
    step.detail += ", and --allow-plaintext-token";
    step.remedy = "whoever is on the way can read the token; use wss://";
  }
  finish(Stretch::token, std::move(step));
  return true;
}

bool Checkup::check_link() {
  const auto loss = client_.connect();
  if (loss) {
    fail(*loss);
  } else {
    finish(Stretch::ping, {.detail = "round trip"});
  }
  return !loss;
}

void Checkup::on_milestone(const Milestone& milestone) {
  switch (milestone.kind) {
    case Milestone::Kind::looked_up: finish(Stretch::lookup, {.detail = milestone.text}); return;
    case Milestone::Kind::trying:
      pass(Stretch::tcp);
      address_ = milestone.text;
      return;
    case Milestone::Kind::address_failed:
      failures_ += (failures_.empty() ? "" : ", ") + address_ + ": " + milestone.text;
      return;
    case Milestone::Kind::tcp: finish(Stretch::tcp, {.detail = addresses()}); return;
    case Milestone::Kind::certificate:
      certificate_ = milestone.text;
      is_expired_ = milestone.days_to_expiry < 0;
      return;
    case Milestone::Kind::tls: {
      Step step{.detail = milestone.text};
      if (milestone.days_to_expiry < days_to_expiry_min) {
        step.verdict = Verdict::warning;
        step.remedy =
            "it expires within " + std::to_string(milestone.days_to_expiry + 1) + " days; renew it";
      }
      finish(Stretch::tls, std::move(step));
      return;
    }
    case Milestone::Kind::upgraded: {
      const bool none = milestone.text.empty();
      pass(Stretch::subprotocol);
      finish(Stretch::subprotocol,
             {.detail = options_.subprotocol.empty()
                            ? "none offered"
                            : (none ? options_.subprotocol + " offered, none selected"
                                    : milestone.text)});
      return;
    }
  }
}

/// The address that took the connection, and those before it that did not.
std::string Checkup::addresses() const {
  if (!url_.unix_path.empty()) return address_;
  Url numeric = url_;
  numeric.host = address_;
  return numeric.authority() + (failures_.empty() ? "" : " (" + failures_ + ")");
}

/// Reports how a stretch went, unless an earlier connection has settled that.
void Checkup::finish(Stretch stretch, Step step) {
  pass(stretch);
  if (reached_ != stretch) return;
  step.name = name(stretch);
  reached_ = after(stretch);
  note(std::move(step));
  if (reached_ == Stretch::tls && !url_.tls) pass(Stretch::upgrade);
}

/// What lies before `up_to` and was not reported went well, or was not needed.
void Checkup::pass(Stretch up_to) {
  while (reached_ < up_to) {
    const Stretch stretch = std::exchange(reached_, after(reached_));
    Step step{.name = name(stretch)};
    if (stretch == Stretch::lookup && (!url_.unix_path.empty() || is_numeric_address(url_.host))) {
      step.verdict = Verdict::skipped;
      step.detail = "not needed: an address";
    } else if (stretch == Stretch::tcp) {
      step.detail = addresses();
    } else if (stretch == Stretch::tls && !url_.tls) {
      step.verdict = Verdict::skipped;
      step.detail = "not needed: not encrypted";
    } else if (stretch == Stretch::upgrade) {
      step.detail = "101 Switching Protocols";
    }
    note(std::move(step));
  }
}

void Checkup::fail(Loss loss) {
  const Stretch failed = std::max(reached_, stretch_of(loss, reached_));
  if (loss.cause == Cause::connect_timeout && !url_.tls && client_.bytes_received() > 0)
    loss.detail += "; " + bytes_of_no_http(client_.bytes_received());
  Step step{.verdict = Verdict::failed,
            .detail = std::string(shim::name(loss.cause)) + ": " + loss.detail,
            .remedy = remedy(loss, {.url = url_,
                                    .stretch = failed,
                                    .has_token = options_.has_token() || options_.authorises(),
                                    .has_ca_file = is_given("ca-file"),
                                    .is_expired = is_expired_})};
  if (loss.cause == Cause::certificate && !certificate_.empty()) step.detail += "; " + certificate_;
  if (failed == Stretch::tcp && !address_.empty()) step.detail += " (" + addresses() + ")";
  finish(failed, std::move(step));
  while (reached_ <= Stretch::ping)
    skip(name(std::exchange(reached_, after(reached_))), "not tried");
}

}  // namespace shim
