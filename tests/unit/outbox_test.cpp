#include "shim/core/outbox.hpp"

#include <doctest/doctest.h>

namespace shim {
namespace {

using namespace std::chrono_literals;

TEST_CASE("outbox: items come out in the order of their numbers, whatever the order of pushing") {
  Outbox box;
  for (const std::uint64_t order : {5U, 1U, 3U}) {
    box.push(order, {.text = std::to_string(order)});
  }
  CHECK(box.count() == 3);
  CHECK(box.pop().text == "1");
  box.push(2, {.text = "2"});  // a replay takes the place it had
  CHECK(box.pop().text == "2");
  CHECK(box.pop().text == "3");
  CHECK(box.pop().text == "5");
  CHECK(box.empty());
}

TEST_CASE("outbox 12: what an item costs is counted, and given back whichever way it leaves") {
  Outbox box;
  CHECK(box.cost_bytes() == 0);
  box.push(1, {.text = std::string(100, 'x')});
  box.push(2, {.text = "", .request_id = "1", .deadline = TimePoint(1s)});
  box.push(3, {.text = "abc", .only_for = 7});
  box.push(4, {.text = "abcd"});
  CHECK(box.cost_bytes() == 107 + 4 * Outbox::overhead_bytes);
  static_cast<void>(box.pop());
  CHECK(box.cost_bytes() == 7 + 3 * Outbox::overhead_bytes);
  CHECK(box.pop_expired(TimePoint(1s)).has_value());
  CHECK(box.cost_bytes() == 7 + 2 * Outbox::overhead_bytes);
  box.drop_all_but(0);
  CHECK(box.cost_bytes() == 4 + Outbox::overhead_bytes);
  box.remove(4);
  CHECK(box.cost_bytes() == 0);
  CHECK(box.empty());
}

TEST_CASE("outbox: removing what is not there does nothing") {
  Outbox box;
  box.remove(1);
  box.push(1, {.text = "a"});
  box.remove(2);
  box.remove(0);
  CHECK(box.count() == 1);
}

TEST_CASE("outbox: deadlines pass at their time, in order, and leave with their item") {
  Outbox box;
  CHECK_FALSE(box.next_deadline().has_value());
  CHECK_FALSE(box.pop_expired(TimePoint::max()).has_value());
  box.push(1, {.text = "late", .request_id = "1", .deadline = TimePoint(9s)});
  box.push(2, {.text = "never"});
  box.push(3, {.text = "soon", .request_id = "3", .deadline = TimePoint(3s)});
  box.push(4, {.text = "soon too", .request_id = "4", .deadline = TimePoint(3s)});
  box.push(5, {.text = "removed", .request_id = "5", .deadline = TimePoint(1s)});
  box.remove(5);
  const bool next = box.next_deadline() == TimePoint(3s);
  CHECK(next);
  CHECK_FALSE(box.pop_expired(TimePoint(3s) - 1ns).has_value());
  CHECK(box.pop_expired(TimePoint(3s))->text == "soon");
  CHECK(box.pop_expired(TimePoint(3s))->text == "soon too");
  CHECK_FALSE(box.pop_expired(TimePoint(3s)).has_value());
  CHECK(box.pop().text == "late");
  CHECK_FALSE(box.next_deadline().has_value());
  CHECK_FALSE(box.pop_expired(TimePoint::max()).has_value());
  CHECK(box.count() == 1);
}

TEST_CASE("outbox: only what is for other links is dropped") {
  Outbox box;
  box.push(1, {.text = "any"});
  box.push(2, {.text = "for 3", .only_for = 3});
  box.push(3, {.text = "for 4", .only_for = 4});
  box.push(4, {.text = "for 3 too", .only_for = 3});
  box.drop_all_but(3);
  CHECK(box.count() == 3);
  box.drop_all_but(0);  // no link: all that is for one
  CHECK(box.count() == 1);
  CHECK(box.pop().text == "any");
}

TEST_CASE("outbox: what has no deadline gets one, others keep theirs") {
  Outbox box;
  box.push(1, {.text = "note"});
  box.push(2, {.text = "request", .request_id = "2"});
  box.push(3, {.text = "has one", .request_id = "3", .deadline = TimePoint(1s)});
  box.push(4, {.text = "exempt", .request_id = "4"});
  const auto exempt = [](std::uint64_t order, const Outbox::Item& item) {
    return order == 4 && item.request_id == "4";
  };
  box.set_missing_deadlines(TimePoint(5s), exempt);
  box.set_missing_deadlines(TimePoint(7s), exempt);  // a second time changes nothing
  CHECK(box.pop_expired(TimePoint(1s))->text == "has one");
  CHECK_FALSE(box.pop_expired(TimePoint(5s) - 1ns).has_value());
  CHECK(box.pop_expired(TimePoint(5s))->text == "note");
  CHECK(box.pop_expired(TimePoint(5s))->text == "request");
  CHECK_FALSE(box.next_deadline().has_value());
  CHECK(box.count() == 1);
}

}  // namespace
}  // namespace shim
