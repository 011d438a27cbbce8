// Events and actions as the trace shows them.

#include "tests/sim/show.hpp"

#include <variant>

#include "tests/sim/overloaded.hpp"

namespace sim {
namespace {

namespace event = shim::event;
namespace action = shim::action;

std::string with_epoch(shim::Epoch epoch, std::string_view text = {}) {
  return "link " + std::to_string(epoch) + (text.empty() ? "" : " ") + std::string(text);
}

}  // namespace

std::string show(const shim::Event& event) {
  return std::visit(
      Overloaded{
          [](const event::HostLine& e) { return "HostLine " + e.text; },
          [](const event::HostLineTooLong&) { return std::string("HostLineTooLong"); },
          [](const event::HostClosed&) { return std::string("HostClosed"); },
          [](const event::HostGone& e) { return "HostGone " + e.why; },
          [](const event::HostWritten& e) { return "HostWritten " + std::to_string(e.bytes); },
          [](const event::StopRequested& e) { return "StopRequested " + e.why; },
          [](const event::ReconnectRequested&) { return std::string("ReconnectRequested"); },
          [](const event::MachineResumed&) { return std::string("MachineResumed"); },
          [](const event::HealthSeen& e) { return "HealthSeen " + e.look.text; },
          [](const event::LinkOpened& e) { return "LinkOpened " + with_epoch(e.epoch); },
          [](const event::LinkPong& e) { return "LinkPong " + with_epoch(e.epoch); },
          [](const event::LinkMessage& e) { return "LinkMessage " + with_epoch(e.epoch, e.text); },
          [](const event::LinkMessageTooLong& e) {
            return "LinkMessageTooLong " + with_epoch(e.epoch);
          },
          [](const event::LinkBinary& e) { return "LinkBinary " + with_epoch(e.epoch); },
          [](const event::LinkWritten& e) {
            return "LinkWritten " + with_epoch(e.epoch, std::to_string(e.bytes));
          },
          [](const event::LinkChecked& e) {
            return "LinkChecked " +
                   with_epoch(e.epoch,
                              std::to_string(shim::seconds(e.heard_at.time_since_epoch())));
          },
          [](const event::LinkLost& e) {
            return "LinkLost " + with_epoch(e.epoch, shim::name(e.loss.cause));
          },
          [](const event::CacheLoaded& e) { return "CacheLoaded " + e.version + " " + e.text; }},
      event);
}

std::string show(const shim::Action& action) {
  return std::visit(
      Overloaded{
          [](const action::OpenLink& a) { return "OpenLink " + with_epoch(a.epoch); },
          [](const action::CloseLink& a) {
            return "CloseLink " + with_epoch(a.epoch, a.politely ? "politely" : "");
          },
          [](const action::PingLink& a) { return "PingLink " + with_epoch(a.epoch); },
          [](const action::CheckLink& a) { return "CheckLink " + with_epoch(a.epoch); },
          [](const action::WriteLink& a) { return "WriteLink " + with_epoch(a.epoch, a.text); },
          [](const action::PauseLink& a) {
            return "PauseLink " + with_epoch(a.epoch, a.paused ? "on" : "off");
          },
          [](const action::WriteHost& a) { return "WriteHost " + a.line; },
          [](const action::WriteHostSpace&) { return std::string("WriteHostSpace"); },
          [](const action::PauseHost& a) {
            return std::string("PauseHost ") + (a.paused ? "on" : "off");
          },
          [](const action::LoadCache& a) { return "LoadCache " + a.version; },
          [](const action::StoreCache& a) { return "StoreCache " + a.version + " " + a.text; },
          [](const action::Log& a) { return "Log " + a.text; },
          [](const action::Finish&) { return std::string("Finish"); }},
      action);
}

}  // namespace sim
