#pragma once

#include <cstddef>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shim/commands/client.hpp"
#include "shim/commands/opening.hpp"
#include "shim/commands/remedies.hpp"
#include "shim/commands/report.hpp"
#include "shim/options/options.hpp"

namespace shim {

/// One backend, tried step by step (contract 13).
class Checkup {
 public:
  /// `on_step` gets each step when it is done. `endpoint` is the index of the backend.
  Checkup(const Options& options, std::size_t endpoint, std::function<void(const Step&)> on_step);

  void run();
  [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }

 private:
  void note(Step step);
  void skip(const char* name, const char* why);

  // The link: checkup.cpp.
  void check_settings();
  [[nodiscard]] bool check_token();
  [[nodiscard]] bool check_link();
  void on_milestone(const Milestone& milestone);
  void finish(Stretch stretch, Step step);
  void pass(Stretch up_to);
  void fail(Loss loss);
  [[nodiscard]] bool is_given(std::string_view setting) const;
  [[nodiscard]] std::string addresses() const;

  // What is said over it: checkup_mcp.cpp.
  void check_mcp();
  void check_legacy(const Opening& opening, Duration took);
  void check_modern(const Opening& opening, Duration took);
  void fail_opening(const Client::Answer& answer, Duration took);
  void probe_modern();
  void check_lists(const nlohmann::json& offered, Era era);
  void check_health_file();
  [[nodiscard]] std::string describe(const Client::Answer& answer) const;
  [[nodiscard]] std::string server(const nlohmann::json& info) const;

  const Options& options_;
  const Url& url_;
  std::function<void(const Step&)> on_step_;
  std::vector<Step> steps_;
  TimePoint mark_;  ///< when the last step was done

  Stretch reached_ = Stretch::token;  ///< that is under way
  std::string address_;               ///< that is being tried
  std::string failures_;              ///< of addresses before it
  std::string certificate_;           ///< that was refused
  bool is_expired_ = false;           ///< that certificate
  Client client_;
};

}  // namespace shim
