#include "common/units.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "common/prng.hpp"

namespace shim {
namespace {

using namespace std::chrono_literals;

TEST_CASE("units 2: durations are read as people write them") {
  struct Row {
    std::string text;
    Duration value;
  };
  const std::array rows{
      Row{"0", 0s},        Row{"0s", 0s},         Row{"0ms", 0s},         Row{"0.0", 0s},
      Row{"250ms", 250ms}, Row{"10s", 10s},       Row{"2m", 2min},        Row{"1.5h", 90min},
      Row{"0.5s", 500ms},  Row{"1ms", 1ms},       Row{"0.000001ms", 1ns}, Row{"90s", 90s},
      Row{"007s", 7s},     Row{"10000h", 10000h}, Row{"600000m", 10000h},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto value = parse_duration(row.text);
    REQUIRE(value.has_value());
    CHECK(value->count() == row.value.count());
  }
}

TEST_CASE("units 2: what is no duration is refused") {
  const std::array<std::string_view, 33> texts{"",
                                               " ",
                                               "s",
                                               "ms",
                                               "5",
                                               "1",
                                               "-1s",
                                               "+1s",
                                               "- 1s",
                                               " 1s",
                                               "1s ",
                                               "1 s",
                                               "1S",
                                               "1M",
                                               "1min",
                                               "1d",
                                               "1sec",
                                               "1e3s",
                                               "1e3",
                                               ".5s",
                                               "0x10s",
                                               "inf",
                                               "infs",
                                               "nan",
                                               "nans",
                                               "1,5s",
                                               "1s1s",
                                               "1..5s",
                                               "1m30s",
                                               "10000.1h",
                                               "99999999999999999999s",
                                               "1us",
                                               "1ns"};
  for (const std::string_view text : texts) {
    CAPTURE(std::string(text));
    CHECK_FALSE(parse_duration(text).has_value());
  }
  CHECK_FALSE(parse_duration(std::string(400, '9') + "s").has_value());
  CHECK_FALSE(parse_duration(std::string_view("1s\0", 3)).has_value());
}

TEST_CASE("units 2: sizes are read as people write them") {
  struct Row {
    std::string text;
    std::size_t value;
  };
  const std::array rows{
      Row{"0", 0},
      Row{"512", 512},
      Row{"1B", 1},
      Row{"64KiB", 65536},
      Row{"16MiB", 16777216},
      Row{"1GiB", std::size_t{1} << 30U},
      Row{"1024GiB", std::size_t{1} << 40U},
      Row{"1048576MiB", std::size_t{1} << 40U},
      Row{"1099511627776", std::size_t{1} << 40U},
      Row{"0MiB", 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto value = parse_size(row.text);
    REQUIRE(value.has_value());
    CHECK(*value == row.value);
  }
}

TEST_CASE("units 2: what is no size is refused") {
  const std::array texts{"",
                         " ",
                         "KiB",
                         "-1",
                         "+1",
                         "1.5MiB",
                         "1KB",
                         "1kib",
                         "1 KiB",
                         "1MB",
                         "1M",
                         "1TiB",
                         "0x10",
                         "1e3",
                         "1025GiB",
                         "1KiBs",
                         " 1",
                         "1 ",
                         "1048577MiB",
                         "1099511627777",
                         "18446744073709551616",
                         "99999999999999999999KiB",
                         "18446744073709551615GiB"};
  for (const char* text : texts) {
    CAPTURE(std::string(text));
    CHECK_FALSE(parse_size(text).has_value());
  }
}

TEST_CASE("units: the spelling of a duration is short, and reads back as the same") {
  struct Row {
    Duration value;
    std::string text;
  };
  const std::array rows{
      Row{0s, "0"},         Row{250ms, "250ms"}, Row{10s, "10s"},   Row{2min, "2m"},
      Row{90min, "90m"},    Row{3h, "3h"},       Row{90s, "90s"},   Row{1500ms, "1500ms"},
      Row{1500us, "1.5ms"}, Row{1ms, "1ms"},     Row{61min, "61m"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(format_duration(row.value) == row.text);
  }
}

TEST_CASE(
    "units: whatever parse_duration() yields, format_duration() spells so that it reads back") {
  const auto reads_back = [](Duration value) {
    const std::string text = format_duration(value);
    CAPTURE(value.count());
    CAPTURE(text);
    const auto again = parse_duration(text);
    REQUIRE(again.has_value());
    CHECK(again->count() == value.count());
  };
  for (const char* text :
       {"0.000001ms", "100.0005s", "1.234567s", "1000000.5ms", "0.1h", "5000.1h", "9999.9h"}) {
    reads_back(*parse_duration(text));
  }
  Prng random(1);
  for (int i = 0; i < 500; ++i)  // up to 10,000 h with any fraction
    reads_back(parse_duration(std::to_string(random.next() % 36'000'000) + ".123456789s").value());
  for (int i = 0; i < 500; ++i) {
    const std::int64_t unit =
        std::array<std::int64_t, 4>{1, 1'000, 1'000'000, 1'000'000'000}[random.next() % 4];
    reads_back(Duration(static_cast<std::int64_t>(random.next() % 100'000) * unit));
  }
}

TEST_CASE("units: the spelling of a size is short, and reads back as the same") {
  struct Row {
    std::size_t value;
    std::string text;
  };
  for (const Row& row :
       {Row{0, "0"}, Row{1000, "1000"}, Row{65536, "64KiB"}, Row{1U << 24U, "16MiB"},
        Row{std::size_t{3} << 30U, "3GiB"}, Row{1536, "1536"}, Row{1, "1"}}) {
    CAPTURE(row.text);
    CHECK(format_size(row.value) == row.text);
    CHECK(parse_size(row.text) == row.value);
  }
}

TEST_CASE("units: durations for people") {
  struct Row {
    Duration value;
    std::string text;
  };
  for (const Row& row :
       {Row{0s, "0 ms"}, Row{350ms, "350 ms"}, Row{999ms, "999 ms"}, Row{1s, "1 s"},
        Row{4200ms, "4.2 s"}, Row{9960ms, "10 s"}, Row{1min, "1 min 0 s"}, Row{200s, "3 min 20 s"},
        Row{3599s, "59 min 59 s"}, Row{1h, "1 h 0 min"}, Row{125min, "2 h 5 min"},
        Row{1000h, "1000 h 0 min"}}) {
    CAPTURE(row.text);
    CHECK(describe_duration(row.value) == row.text);
  }
}

TEST_CASE("time: milliseconds and seconds of a span") {
  CHECK(milliseconds(1999us) == 1);
  CHECK(milliseconds(-1999us) == -1);
  CHECK(seconds(1500ms) == doctest::Approx(1.5));
}

}  // namespace
}  // namespace shim
