// shim/README.md, "Who may include whom": kept by a test, since no compiler keeps it.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct Source {
  std::string name;  ///< relative to the top of the sources
  std::string text;
};

/// The .cpp and .hpp files under a folder.
std::vector<Source> sources(const std::string& folder) {
  const fs::path top = MCP_WS_SHIM_SOURCE_DIR;
  std::vector<Source> found;
  if (!fs::exists(top / folder)) return found;
  for (const auto& entry : fs::recursive_directory_iterator(top / folder)) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".cpp" && extension != ".hpp") continue;
    std::ifstream file(entry.path());
    found.push_back({entry.path().lexically_relative(top).string(),
                     std::string(std::istreambuf_iterator<char>(file), {})});
  }
  return found;
}

/// `text` without its comments, which may speak of anything.
std::string code_of(const std::string& text) {
  std::string code;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = std::string_view(text).substr(at, end - at);
    code += line.substr(0, line.find("//"));
    code += '\n';
    at = end + 1;
  }
  return code;
}

bool is_word(char c) { return c == '_' || (c >= '0' && c <= '9') || (c | 0x20) >= 'a'; }

/// Whether `what` occurs, not in the middle of a longer name if it begins with a letter.
bool holds(const std::string& code, std::string_view what) {
  const bool name = is_word(what.front());
  for (std::size_t at = code.find(what); at != std::string::npos; at = code.find(what, at + 1)) {
    if (!name || at == 0 || !is_word(code[at - 1])) return true;
  }
  return false;
}

/// The files of ours that a source includes.
std::vector<std::string> includes(const std::string& code) {
  static constexpr std::string_view begin = "#include \"";
  std::vector<std::string> found;
  for (std::size_t at = code.find(begin); at != std::string::npos; at = code.find(begin, at + 1)) {
    const std::size_t start = at + begin.size();
    found.push_back(code.substr(start, code.find('"', start) - start));
  }
  return found;
}

TEST_CASE("layering: in common and core there is no I/O, no clock, no thread, no chance") {
  const std::array<std::string_view, 20> forbidden{
      "libwebsockets", "CLI11",    "CLI/CLI",  "spdlog",       "<thread>",
      "<mutex>",       "<atomic>", "<future>", "<fstream>",    "<iostream>",
      "<filesystem>",  "<random>", "unistd.h", "sys/socket",   "::now(",
      "rand(",         "getenv",   "sleep",    "system_clock", "steady_clock"};
  std::size_t seen = 0;
  for (const char* folder : {"common", "shim/core"}) {
    for (const Source& source : sources(folder)) {
      CAPTURE(source.name);
      ++seen;
      const std::string code = code_of(source.text);
      for (const std::string_view what : forbidden) {
        CAPTURE(std::string(what));
        CHECK_FALSE(holds(code, what));
      }
    }
  }
  CHECK(seen > 30);  // else the path is wrong
}

TEST_CASE(
    "layering: common includes nothing of ours but common, core nothing but core and common") {
  for (const Source& source : sources("common")) {
    CAPTURE(source.name);
    for (const std::string& file : includes(source.text)) {
      CAPTURE(file);
      CHECK(file.starts_with("common/"));
    }
  }
  for (const Source& source : sources("shim/core")) {
    CAPTURE(source.name);
    for (const std::string& file : includes(source.text)) {
      CAPTURE(file);
      const bool allowed = file.starts_with("common/") || file.starts_with("shim/core/");
      CHECK(allowed);
    }
  }
}

TEST_CASE("layering: few files know libwebsockets, and all of them do I/O") {
  const std::set<std::string> may{"connection", "connection_reading", "libraries", "link",
                                  "loop",       "upgrade_failure"};
  for (const char* folder : {"common", "shim"}) {
    for (const Source& source : sources(folder)) {
      CAPTURE(source.name);
      const std::string stem = fs::path(source.name).stem().string();
      if (!source.name.starts_with("shim/io/") || !may.contains(stem))
        CHECK_FALSE(holds(code_of(source.text), "libwebsockets.h"));
    }
  }
}

TEST_CASE("layering: every header is guarded, and no file of ours is too long to be one idea") {
  for (const char* folder : {"common", "shim"}) {
    for (const Source& source : sources(folder)) {
      CAPTURE(source.name);
      if (source.name.ends_with(".hpp")) CHECK(source.text.starts_with("#pragma once\n"));
      CHECK(std::count(source.text.begin(), source.text.end(), '\n') < 500);
    }
  }
}

}  // namespace
