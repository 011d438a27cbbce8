// Recorded sessions of real hosts and servers, played through the core.

#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/golden/transcript.hpp"

namespace shim::test {
namespace {

constexpr std::array<const char*, 2> files{"legacy-2025-11-25", "modern-2026-07-28"};

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("golden: a recorded session gives exactly the recorded output and log") {
  for (const std::string name : files) {
    CAPTURE(name);
    std::string protocol;
    for (const auto& session : load_transcript(name + ".jsonl")) {
      Playback playback(session);
      for (const Recorded& message : session) playback.play(message);
      playback.check_books();
      protocol += playback.protocol() + "\n";
    }
    const std::string path = std::string(MCP_WS_SHIM_GOLDEN_DIR) + "/" + name + ".expected";
    // After a change that is meant: UPDATE_GOLDEN=1 golden_tests, and review the diff.
    if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(path) << protocol;
    CHECK(protocol == read_file(path));
  }
}

TEST_CASE("golden 5.1, 5.2: a recorded session stays legal wherever the link is cut") {
  for (const std::string name : files) {
    for (const auto& session : load_transcript(name + ".jsonl")) {
      for (std::size_t cut = 0; cut < session.size(); ++cut) {
        CAPTURE(name);
        CAPTURE(cut);
        Playback playback(session);
        for (std::size_t i = 0; i < session.size(); ++i) {
          playback.play(session[i]);
          if (i == cut) playback.cut();
        }
        playback.check_books();
      }
    }
  }
}

TEST_CASE("golden 5.1, 5.2: a recorded session stays legal when the link is cut again and again") {
  for (const std::string name : files) {
    for (const auto& session : load_transcript(name + ".jsonl")) {
      CAPTURE(name);
      Playback playback(session);
      std::size_t i = 0;
      for (const Recorded& message : session) {
        playback.play(message);
        // At every third message, and not right after a request: one that is replayed once is not
        // replayed a second time.
        if (++i % 3 == 0 && message.kind != jsonrpc::Kind::request) playback.cut();
      }
    }
  }
}

}  // namespace shim::test
