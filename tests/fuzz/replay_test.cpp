// Every input that has ever been of interest, as an ordinary test.

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.hpp"

namespace fuzz {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void replay(std::string_view name) {
  const auto target = std::ranges::find(targets(), name, &Target::name);
  REQUIRE(target != targets().end());
  const auto files = files_in(fs::path(MCP_WS_SHIM_CORPUS_DIR) / name);
  CHECK(files.size() >= 5);
  for (const fs::path& file : files) {
    INFO(file.string());
    const std::string text = read(file);
    CHECK_NOTHROW(target->run(text));
  }
}

}  // namespace

TEST_CASE("fuzz: every target has a corpus, and every corpus a target") {
  std::vector<std::string> folders;
  for (const fs::path& folder : files_in(MCP_WS_SHIM_CORPUS_DIR))
    folders.push_back(folder.filename().string());
  std::vector<std::string> names;
  for (const Target& target : targets()) names.emplace_back(target.name);
  std::ranges::sort(names);
  CHECK(folders == names);
}

TEST_CASE("fuzz 6: the corpus of cache files") { replay("cache_entry"); }
TEST_CASE("fuzz 2: the corpus of env files and config files") { replay("config"); }
TEST_CASE("fuzz 4.1: the corpus of WebSocket frames") { replay("frames"); }

TEST_CASE("fuzz 7: the corpus of health files") { replay("health"); }
TEST_CASE("fuzz 3: the corpus of messages too long or broken to read") { replay("id_scanner"); }
TEST_CASE("fuzz 3: the corpus of byte streams from a host") { replay("line_framer"); }
TEST_CASE("fuzz 3, 11: the corpus of messages") { replay("message"); }
TEST_CASE("fuzz 8: the corpus of progress values") { replay("progress"); }
TEST_CASE("fuzz 3 to 9: the corpus of whole sessions") { replay("session"); }
TEST_CASE("fuzz 2: the corpus of URLs, durations and sizes") { replay("url"); }

}  // namespace fuzz
