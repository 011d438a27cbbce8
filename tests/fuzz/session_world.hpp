#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shim/core/session.hpp"
#include "tests/fuzz/session_books.hpp"

namespace fuzz {

/// A Session between adapters that are honest: they open what they are told to open, report each
/// link's birth and death once and nothing in between that could not be, and carry out every order.
/// What is said on either side is up to the input.
class SessionWorld {
 public:
  explicit SessionWorld(const shim::Settings& settings);

  // The host.
  void host_line(std::string text);
  void host_line_too_long(std::string_view text);
  void host_closes();

  // The link. `epoch_shift` makes it news of another link than the present one.
  void link_opens(int epoch_shift = 0);
  void link_pongs(int epoch_shift = 0);
  void backend_says(std::string text, int epoch_shift = 0);
  void backend_says_too_much(std::string_view text, int epoch_shift = 0);
  void link_binary(int epoch_shift = 0);
  void link_lost(shim::Loss loss, int epoch_shift = 0);
  void link_checked(bool heard, int epoch_shift = 0);

  /// Anything else.
  void happens(shim::Event event);

  /// Lets time pass, stopping at each deadline on the way.
  void advance(shim::Duration span);
  void advance_to_deadline();

  /// The link becomes ready if the session has it so; a backend that behaves plays along. Returns
  /// false if nobody knows how it would.
  bool go_ready();

  /// The core failed a check, says the bridge.
  void start_afresh();

  /// The faults stop: the shim gets ready, and once the host has closed its end, it ends.
  void end();

  /// The requests written to the present link, and those written to the host.
  [[nodiscard]] const std::vector<std::string>& asked_of_backend() const {
    return asked_of_backend_;
  }
  [[nodiscard]] const std::vector<std::string>& asked_of_host() const { return asked_of_host_; }

  // Faults that last.
  bool host_reads = true;
  bool link_writes = true;
  bool pongs = true;
  bool cache_answers = true;
  std::string cache_text;  ///< what every cache file holds until one is stored

  /// Lets what was held back by those go on.
  void release();

 private:
  void run();
  void turn(shim::Event* event);
  void obey_all();
  void check_turn();
  [[nodiscard]] bool can_be(bool of_open_link, int epoch_shift) const;
  [[nodiscard]] shim::Epoch epoch(int shift) const;

  void obey(shim::action::OpenLink& order);
  void obey(shim::action::CloseLink& order);
  void obey(shim::action::PingLink& order);
  void obey(shim::action::CheckLink& order);
  void obey(shim::action::WriteLink& order);
  void obey(shim::action::PauseLink& order);
  void obey(shim::action::WriteHost& order);
  void obey(shim::action::WriteHostSpace& order);
  void obey(shim::action::PauseHost& order);
  void obey(shim::action::LoadCache& order);
  void obey(shim::action::StoreCache& order);
  void obey(shim::action::Log& order);
  void obey(shim::action::Finish& order);

  const shim::Settings& settings_;
  shim::TimePoint now_ = shim::TimePoint(std::chrono::hours(1));
  std::unique_ptr<shim::Session> session_;
  SessionBooks books_;
  shim::Actions actions_;
  std::deque<shim::Event> inbox_;

  shim::Epoch last_epoch_ = 0;
  bool link_exists_ = false;
  bool link_open_ = false;
  bool host_paused_ = false;
  bool host_closed_ = false;
  bool finished_ = false;
  bool forged_ = false;  ///< the present turn was brought about by the backend's words
  std::size_t host_unwritten_ = 0;
  std::size_t link_unwritten_ = 0;
  std::vector<std::string> asked_of_backend_;
  std::vector<std::string> asked_of_host_;
  std::vector<shim::event::CacheLoaded> cache_loads_;
  std::map<std::string, std::string> cache_files_;
};

}  // namespace fuzz
