#include "tests/fuzz/session_world.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "tests/fuzz/fuzz.hpp"

namespace fuzz {

using namespace shim;
using namespace std::chrono_literals;

SessionWorld::SessionWorld(const Settings& settings)
    : settings_(settings),
      session_(std::make_unique<Session>(settings, 1, now_)),
      books_(settings) {
  turn(nullptr);
  run();
}

Epoch SessionWorld::epoch(int shift) const {
  return last_epoch_ + static_cast<Epoch>(static_cast<std::int64_t>(shift));
}

/// Whether the adapters could report this now: anything of a link that is gone, but of the one that
/// is there only what can be.
bool SessionWorld::can_be(bool of_open_link, int epoch_shift) const {
  return epoch_shift != 0 || (link_exists_ && link_open_ == of_open_link);
}

void SessionWorld::host_line(std::string text) {
  if (finished_ || host_closed_ || host_paused_) return;
  if (text.find_first_not_of(" \t\r") == std::string::npos || text.size() > settings_.max_message)
    return;
  books_.host_says(text, session_->pending());
  happens(event::HostLine{std::move(text)});
}

void SessionWorld::host_line_too_long(std::string_view text) {
  if (finished_ || host_closed_ || host_paused_) return;
  event::HostLineTooLong event;
  event.found.feed(text);
  books_.host_says_too_much(event.found, session_->pending());
  happens(std::move(event));
}

void SessionWorld::host_closes() {
  if (!std::exchange(host_closed_, true)) happens(event::HostClosed{});
}

void SessionWorld::link_opens(int epoch_shift) {
  if (!can_be(false, epoch_shift)) return;
  if (epoch_shift == 0) link_open_ = true;
  happens(event::LinkOpened{epoch(epoch_shift)});
}

void SessionWorld::link_pongs(int epoch_shift) {
  if (can_be(true, epoch_shift)) happens(event::LinkPong{epoch(epoch_shift)});
}

void SessionWorld::backend_says(std::string text, int epoch_shift) {
  if (can_be(true, epoch_shift)) happens(event::LinkMessage{epoch(epoch_shift), std::move(text)});
}

void SessionWorld::backend_says_too_much(std::string_view text, int epoch_shift) {
  if (!can_be(true, epoch_shift)) return;
  event::LinkMessageTooLong event{.epoch = epoch(epoch_shift), .found = {}};
  event.found.feed(text);
  happens(std::move(event));
}

void SessionWorld::link_binary(int epoch_shift) {
  if (can_be(true, epoch_shift)) happens(event::LinkBinary{epoch(epoch_shift)});
}

void SessionWorld::link_lost(Loss loss, int epoch_shift) {
  if (epoch_shift == 0 && !std::exchange(link_exists_, false)) return;
  happens(event::LinkLost{epoch(epoch_shift), std::move(loss)});
}

void SessionWorld::link_checked(bool heard, int epoch_shift) {
  if (can_be(true, epoch_shift))
    happens(event::LinkChecked{epoch(epoch_shift), heard ? now_ : TimePoint()});
}

void SessionWorld::happens(Event event) {
  inbox_.push_back(std::move(event));
  run();
}

/// Turns of the bridge until nothing more comes of them.
void SessionWorld::run() {
  for (int turns = 0; !inbox_.empty() && !finished_; ++turns) {
    SHIM_CHECK(turns < 10'000);
    Event event = std::move(inbox_.front());
    inbox_.pop_front();
    turn(&event);
  }
  inbox_.clear();
}

void SessionWorld::turn(Event* event) {
  if (finished_) return;
  if (event != nullptr) {
    forged_ = std::holds_alternative<event::LinkMessage>(*event);
    session_->on_event(now_, *event, actions_);
  }
  session_->on_deadline(now_, actions_);
  obey_all();
  check_turn();
}

void SessionWorld::obey_all() {
  for (Action& order : std::exchange(actions_, {})) {
    SHIM_CHECK(!finished_);  // nothing after Finish
    std::visit([this](auto& what) { obey(what); }, order);
  }
  if (host_reads) {
    if (const std::size_t bytes = std::exchange(host_unwritten_, 0); bytes > 0)
      inbox_.emplace_back(event::HostWritten{bytes});
  }
  if (link_writes) {
    if (const std::size_t bytes = std::exchange(link_unwritten_, 0); bytes > 0)
      inbox_.emplace_back(event::LinkWritten{last_epoch_, bytes});
  }
  if (cache_answers) {
    for (event::CacheLoaded& file : std::exchange(cache_loads_, {}))
      inbox_.emplace_back(std::move(file));
  }
}

void SessionWorld::check_turn() {
  SHIM_CHECK(session_->finished() == finished_);
  if (finished_) {
    SHIM_CHECK(!session_->next_deadline() && session_->pending().empty());
    return;
  }
  if (session_->phase() != Phase::ready) SHIM_CHECK(session_->next_deadline().has_value());
  const Outbox& outbox = session_->outbox();
  // Full, and then what was in flight came back, and one message of any size.
  const std::size_t most =
      3 * settings_.queue_bytes + (outbox.count() + 1) * Outbox::overhead_bytes + books_.largest();
  SHIM_CHECK(outbox.cost_bytes() <= most);
  SHIM_CHECK(session_->pending().kept_bytes() <= settings_.queue_bytes + 2 * books_.largest());
}

void SessionWorld::advance(Duration span) {
  const TimePoint end = now_ + span;
  for (int steps = 0; !finished_; ++steps) {
    const auto next = session_->next_deadline();
    if (!next || *next > end || steps >= 1000) break;
    now_ = std::max(now_, *next);
    turn(nullptr);
    run();
    const auto after = finished_ ? std::nullopt : session_->next_deadline();
    SHIM_CHECK(!after || *after > now_);  // else the bridge would spin
  }
  now_ = std::max(now_, end);
  turn(nullptr);
  run();
}

void SessionWorld::advance_to_deadline() {
  if (finished_) return;
  if (const auto next = session_->next_deadline()) advance(std::max(*next - now_, Duration{}));
}

bool SessionWorld::go_ready() {
  for (int steps = 0; steps < 200 && !finished_ && session_->phase() != Phase::ready; ++steps) {
    switch (session_->phase()) {
      case Phase::connecting: link_opens(); break;
      case Phase::validating: link_pongs(); break;
      case Phase::resuming: {
        // The first thing it is asked is to take the session up, as it was.
        SHIM_CHECK(!asked_of_backend_.empty());
        jsonrpc::Reader reader;
        jsonrpc::Message message;
        const std::string asked = asked_of_backend_.front();
        SHIM_CHECK(reader.read(asked, message) == jsonrpc::Read::message);
        SHIM_CHECK(message.method == "initialize");
        // A host that named no version: what this backend would answer cannot be told.
        if (message.protocol_version.empty()) return false;
        backend_says(jsonrpc::result_answer(message.id,
                                            R"({"capabilities":{"tools":{}},"protocolVersion":)" +
                                                std::string(message.protocol_version) + "}"));
        if (session_->phase() == Phase::resuming) advance_to_deadline();
        break;
      }
      case Phase::waiting: advance_to_deadline(); break;
      case Phase::ready:
      case Phase::stopped: break;
    }
  }
  return true;
}

void SessionWorld::start_afresh() {
  if (finished_) return;
  Estate estate = session_->abandon(actions_);
  forged_ = false;
  obey_all();
  session_ = std::make_unique<Session>(settings_, 2, now_, std::move(estate));
  turn(nullptr);
  run();
}

void SessionWorld::release() {
  if (finished_) return;
  obey_all();
  run();
}

void SessionWorld::end() {
  host_reads = link_writes = pongs = cache_answers = true;
  release();
  const TimePoint calm = now_;
  const bool knows_how = go_ready();
  if (!finished_ && knows_how) {
    SHIM_CHECK(session_->phase() == Phase::ready);
    SHIM_CHECK(now_ - calm <= 2 * settings_.backoff.cap + 2min);
  }
  host_closes();
  advance(settings_.drain_timeout + 1ms);
  SHIM_CHECK(finished_);
  books_.close();
}

void SessionWorld::obey(action::OpenLink& order) {
  SHIM_CHECK(order.epoch == last_epoch_ + 1 && !link_exists_);
  SHIM_CHECK(order.endpoint < settings_.endpoints.size());
  last_epoch_ = order.epoch;
  link_exists_ = true;
  link_open_ = false;
  link_unwritten_ = 0;
  asked_of_backend_.clear();
}

void SessionWorld::obey(action::CloseLink& order) {
  SHIM_CHECK(order.epoch == last_epoch_);
  link_exists_ = false;
}

void SessionWorld::obey(action::PingLink& order) {
  SHIM_CHECK(order.epoch == last_epoch_ && link_exists_ && link_open_);
  if (pongs && session_->phase() == Phase::ready) inbox_.emplace_back(event::LinkPong{last_epoch_});
}

void SessionWorld::obey(action::CheckLink& order) {
  SHIM_CHECK(order.epoch == last_epoch_ && link_exists_ && link_open_);
  inbox_.emplace_back(event::LinkChecked{last_epoch_, TimePoint()});
}

void SessionWorld::obey(action::WriteLink& order) {
  SHIM_CHECK(order.epoch == last_epoch_ && link_exists_ && link_open_);
  books_.backend_hears(order.text);
  link_unwritten_ += order.text.size();
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  if (reader.read(order.text, message) == jsonrpc::Read::message &&
      message.kind == jsonrpc::Kind::request)
    asked_of_backend_.push_back(std::move(order.text));
}

void SessionWorld::obey(action::PauseLink& order) {
  SHIM_CHECK(order.epoch == last_epoch_ && link_exists_ && link_open_);
}

void SessionWorld::obey(action::WriteHost& order) {
  books_.host_hears(order.line, forged_);
  host_unwritten_ += order.line.size() + 1;
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  if (reader.read(order.line, message) == jsonrpc::Read::message &&
      message.kind == jsonrpc::Kind::request)
    asked_of_host_.push_back(std::move(order.line));
}

void SessionWorld::obey(action::WriteHostSpace&) { ++host_unwritten_; }

void SessionWorld::obey(action::PauseHost& order) {
  SHIM_CHECK(order.paused != host_paused_);
  host_paused_ = order.paused;
}

void SessionWorld::obey(action::LoadCache& order) {
  const auto stored = cache_files_.find(order.version);
  cache_loads_.push_back(
      {order.version, stored == cache_files_.end() ? cache_text : stored->second});
}

void SessionWorld::obey(action::StoreCache& order) {
  SHIM_CHECK(order.text.size() <= CacheEntry::file_bytes_max);
  SHIM_CHECK(CacheEntry::parse(order.text, settings_.endpoints.front(), order.version));
  cache_files_[order.version] = std::move(order.text);
}

void SessionWorld::obey(action::Log& order) {
  SHIM_CHECK(is_one_printable_line(order.text));
  SHIM_CHECK(order.text.size() <= 2048);
}

void SessionWorld::obey(action::Finish&) { finished_ = true; }

}  // namespace fuzz
