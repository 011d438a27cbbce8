#include "shim/commands/bridge.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "common/check.hpp"
#include "common/text.hpp"
#include "shim/commands/sandbox.hpp"
#include "shim/commands/wiring.hpp"
#include "shim/core/session.hpp"
#include "shim/io/cache.hpp"
#include "shim/io/clock.hpp"
#include "shim/io/descriptor.hpp"
#include "shim/io/hardening.hpp"
#include "shim/io/health_file.hpp"
#include "shim/io/landlock.hpp"
#include "shim/io/link.hpp"
#include "shim/io/log.hpp"
#include "shim/io/loop.hpp"
#include "shim/io/memory.hpp"
#include "shim/io/process.hpp"
#include "shim/io/status_file.hpp"
#include "shim/io/stdio.hpp"
#include "shim/io/suspend.hpp"
#include "shim/version.hpp"

namespace shim {
namespace {

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  if (::getrandom(&seed, sizeof seed, 0) != sizeof seed)
    throw std::runtime_error("this system gives no random bytes");
  return seed;
}

/// By then all that belongs to starting, or to some large messages, is done.
constexpr Duration tidy_after = std::chrono::seconds(1);

/// After so many bytes of messages it is worth while to look for memory to give back.
constexpr std::size_t tidy_bytes = std::size_t{1} << 20U;

std::size_t message_bytes(const Event& event) {
  if (const auto* const line = std::get_if<event::HostLine>(&event)) return line->text.size();
  if (const auto* const message = std::get_if<event::LinkMessage>(&event))
    return message->text.size();
  return 0;
}

std::optional<TimePoint> earlier(std::optional<TimePoint> one, std::optional<TimePoint> other) {
  if (!one || !other) return one ? one : other;
  return std::min(*one, *other);
}

/// What the backend says of a loss in its own words must not show what we have sent it.
Settings with_scrubbing(Settings settings, const Secrets& secrets) {
  settings.without_secrets = [&secrets](const std::string& text) {
    return secrets.removed_from(text);
  };
  return settings;
}

/// The core between its adapters: facts from them go in, its orders are carried out.
class Bridge {
 public:
  explicit Bridge(const Options& options);

  /// Gives up all that the bridge does not need (`--sandbox`). Before run(), which may start
  /// threads. Throws std::runtime_error if the kernel refuses.
  void enter_sandbox();

  /// Until the core says Finish.
  void run();

 private:
  [[nodiscard]] Link::Options bridge_link_options();
  void turn();
  void tidy_memory();
  void perform(Actions& actions);
  void start_afresh(const CheckFailed& failure);
  [[nodiscard]] std::string store(const action::StoreCache& order);

  void carry_out(action::OpenLink& order) { link_.open(order.epoch, order.endpoint, now_); }
  void carry_out(action::CloseLink& order) { link_.close(order.epoch, order.politely); }
  void carry_out(action::PingLink& order) { link_.ping(order.epoch); }
  void carry_out(action::CheckLink& order) { link_.check(order.epoch); }
  void carry_out(action::WriteLink& order) { link_.write(order.epoch, std::move(order.text)); }
  void carry_out(action::PauseLink& order) { link_.pause(order.epoch, order.paused); }
  void carry_out(action::WriteHost& order) { output_.write(std::move(order.line)); }
  void carry_out(action::WriteHostSpace&) { output_.write_space(); }
  void carry_out(action::PauseHost& order) { input_.pause(order.paused); }
  void carry_out(action::LoadCache& order) {
    sink_(event::CacheLoaded{order.version, cache_.load(order.version)});
  }
  void carry_out(action::StoreCache& order) {
    if (const std::string error = store(order); !error.empty())
      log_.write(LogLevel::warn, "nothing is cached: " + error);
  }
  void carry_out(action::Log& order) { log_.write(order); }
  void carry_out(action::Finish& order) {
    const TimePoint deadline = now_ + order.patience;
    output_.finish(deadline, signals_);
    link_.finish(deadline, signals_);
    finished_ = true;
  }

  const Options& options_;
  Secrets secrets_;
  const Settings settings_;
  Log log_;
  std::deque<Event> inbox_;
  EventSink sink_ = [this](Event event) { inbox_.push_back(std::move(event)); };
  Loop loop_;
  Signals signals_;
  ParentWatch parent_;
  SuspendWatch suspend_;
  Link link_;
  Cache cache_;
  HostOutput output_;
  HostInput input_;
  TimePoint now_ = monotonic_now();
  std::optional<TimePoint> tidy_at_ = now_ + tidy_after;
  std::size_t bytes_since_tidied_ = 0;
  bool started_ = false;  ///< and what only that needed was let go of
  std::unique_ptr<Session> session_;
  std::optional<HealthFile> health_file_;
  StatusFile status_{program_version};
  std::optional<TimePoint> last_failure_;
  bool finished_ = false;
  bool backend_tells_ = false;  ///< it has repeated a secret in what was to be cached
};

Bridge::Bridge(const Options& options)
    : options_(options),
      secrets_(secrets_of(options)),
      settings_(with_scrubbing(options.core, secrets_)),
      log_(options.log, secrets_),
      loop_(loop_config(options, std::ranges::any_of(options.endpoints, &Url::tls))),
      signals_(loop_,
               [this](Event event) {
                 if (std::holds_alternative<event::ReconnectRequested>(event)) log_.reopen();
                 sink_(std::move(event));
               }),
      parent_(loop_, sink_),
      suspend_(loop_, sink_),
      link_(loop_, bridge_link_options(), sink_),
      cache_(options.cache_dir, options.core.endpoints.front()),
      output_(loop_, STDOUT_FILENO, sink_),
      input_(loop_, STDIN_FILENO, options.core.max_message, sink_),
      session_(std::make_unique<Session>(settings_, random_seed(), now_)) {
  if (options.core.has_health_file)
    health_file_.emplace(loop_, options.health_file, options.core.health_max_age, sink_);
  log_.write(LogLevel::info, std::string("mcp-ws-shim ") + program_version + " for " +
                                 options.core.endpoints.front() + ", pid " +
                                 std::to_string(::getpid()));
  if (!status_.error().empty())
    log_.write(LogLevel::debug, "no status file is kept: " + printable(status_.error()));
}

Link::Options Bridge::bridge_link_options() {
  Link::Options out = link_options(options_, secrets_);
  // Contract 7: what is sent may stay unacknowledged as long as a ping on an idle link may take in
  // all.
  if (settings_.ping_interval > Duration::zero())
    out.ack_timeout = settings_.ping_interval + settings_.pong_timeout;
  out.on_warning = [this](std::string text) { log_.write(LogLevel::warn, std::move(text)); };
  return out;
}

void Bridge::enter_sandbox() {
  if (options_.core.offline == Offline::cache) {
    if (const std::string error = cache_.make_directory(); !error.empty())
      log_.write(LogLevel::warn, "nothing will be cached: " + printable(error));
  }
  const Sandbox sandbox = sandbox_of(options_, status_.directory());
  for (const std::string& warning : sandbox.warnings) log_.write(LogLevel::warn, warning);
  const std::string error = restrict_to(sandbox.allowed);
  if (!error.empty()) throw std::runtime_error("--sandbox: " + error);
  log_.write(LogLevel::info,
             "in a sandbox, Landlock version " + std::to_string(landlock_version()));
}

void Bridge::run() {
  turn();
  while (!finished_) {
    loop_.wake_at(earlier(earlier(session_->next_deadline(), tidy_at_), status_.due()));
    loop_.turn();
    turn();
    if (tidy_at_ && now_ >= *tidy_at_) tidy_memory();
  }
}

void Bridge::tidy_memory() {
  tidy_at_.reset();
  bytes_since_tidied_ = 0;
  return_memory();
  if (!std::exchange(started_, true)) drop_startup_pages();
}

/// One turn: the clock is read once; what carrying out an order brings forth is part of the turn.
void Bridge::turn() {
  now_ = monotonic_now();
  suspend_.check();
  Actions actions;
  do {
    try {
      while (!inbox_.empty()) {
        Event event = std::move(inbox_.front());
        inbox_.pop_front();
        bytes_since_tidied_ += message_bytes(event);
        session_->on_event(now_, event, actions);
      }
      session_->on_deadline(now_, actions);
    } catch (const CheckFailed& failure) {
      perform(actions);
      start_afresh(failure);
    }
    perform(actions);
  } while (!inbox_.empty() && !finished_);
  if (!tidy_at_ && bytes_since_tidied_ >= tidy_bytes) tidy_at_ = now_ + tidy_after;
  if (health_file_) health_file_->hurry(session_->wants_health_news(now_));
  if (!finished_) status_.update(now_, *session_);
}

void Bridge::perform(Actions& actions) {
  log_.note_link(session_->epoch(), session_->phase());
  for (Action& action : actions) {
    std::visit([this](auto& order) { carry_out(order); }, action);
    if (finished_) break;
  }
  actions.clear();
  link_.flush();
  output_.flush();
}

/// Returns an error text the first time that it fails, else an empty one.
std::string Bridge::store(const action::StoreCache& order) {
  if (!secrets_.are_in(order.text)) return cache_.store(order.version, order.text);
  return std::exchange(backend_tells_, true) ? "" : "the backend repeats a secret in its answers";
}

/// A failed check is our own fault, and the host's session must outlive it: everything pending is
/// settled, and a new core goes on with what is known of the session. Twice in a minute is beyond
/// mending.
void Bridge::start_afresh(const CheckFailed& failure) {
  log_.write(LogLevel::error, std::string("fault of our own, starting afresh: ") + failure.what());
  if (last_failure_ && now_ - *last_failure_ < std::chrono::minutes(1)) throw failure;
  last_failure_ = now_;
  Actions actions;
  Estate estate = session_->abandon(actions);
  perform(actions);
  session_ = std::make_unique<Session>(settings_, random_seed(), now_, std::move(estate));
}

}  // namespace

int run_bridge(const Options& options) {
  // Else something would be missing later, be it a connection or the host's end.
  constexpr std::size_t descriptors_needed = 24;
  if (!can_have_descriptors(descriptors_needed))
    throw std::runtime_error("too few open files are allowed here (ulimit -n); 32 will do");
  keep_freed_memory();
  throw_on_failed_check();
  Bridge bridge(options);
  harden(options.has_secret());
  if (options.sandbox) bridge.enter_sandbox();
  bridge.run();
  return 0;
}

}  // namespace shim
