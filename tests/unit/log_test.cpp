// Contract 10: the log's own file.

#include "shim/io/log.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "tests/unit/temporary_directory.hpp"

namespace shim::test {
namespace {

namespace fs = std::filesystem;

TEST_CASE("log 10: one that could not be opened after a rotation is opened as soon as it can be") {
  const TemporaryDirectory place;
  const fs::path directory = place / "logs";
  const fs::path away = place / "away";
  fs::create_directory(directory);
  const Secrets none;
  Log log({.level = LogLevel::info,
           .off = false,
           .format = Log::Format::text,
           .file = directory / "shim.log"},
          none);
  const std::string long_line(std::size_t{64} << 10U, 'x');
  for (int i = 0; i < 150; ++i) log.write(LogLevel::info, long_line);
  fs::rename(directory, away);
  for (int i = 0; i < 30; ++i) log.write(LogLevel::info, long_line);
  fs::create_directory(directory);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  log.write(LogLevel::info, "here again");
  REQUIRE(fs::exists(directory / "shim.log"));
  CHECK(fs::file_size(directory / "shim.log") > 0);
}

}  // namespace
}  // namespace shim::test
