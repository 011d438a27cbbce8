// tests/README.md says which test files stand behind each section of the contract: it must be so.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path tests = fs::path(MCP_WS_SHIM_SOURCE_DIR) / "tests";

std::string read(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The first group of each match.
std::vector<std::string> all(const std::string& text, const std::regex& pattern) {
  std::vector<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match) {
    found.push_back((*match)[1]);
  }
  return found;
}

/// Files by section, as the table has them.
std::map<std::string, std::vector<std::string>> table() {
  static const std::regex row(R"((?:^|\n)\| ([0-9]+(?:\.[0-9])?) \|([^\n]*))");
  static const std::regex file("`([a-z0-9_/]+\\.[a-z]+)`");
  const std::string readme = read(tests / "README.md");
  std::map<std::string, std::vector<std::string>> files;
  for (std::sregex_iterator match(readme.begin(), readme.end(), row), end; match != end; ++match) {
    files[(*match)[1]] = all((*match)[2], file);
  }
  return files;
}

/// Whether `number` stands in `text` as a number of its own.
bool names(const std::string& text, const std::string& number) {
  std::string escaped = std::regex_replace(number, std::regex(R"(\.)"), "\\.");
  return std::regex_search(text, std::regex("(^|[^0-9.])" + escaped + R"(($|[^0-9.]|\.[^0-9]))"));
}

/// What stands ahead of the colon in the titles of a file's test cases.
std::vector<std::string> subjects(const std::string& source) {
  return all(source, std::regex(R"re(TEST_CASE\(\s*"([^":]*):)re"));
}

}  // namespace

TEST_CASE("contract table: every section is there") {
  const auto files = table();
  for (const char* const section : {"2", "3", "4.1", "4.2", "4.3", "5.0", "5.1", "5.2", "5.3", "6",
                                    "7", "8", "9", "10", "11", "12", "13"}) {
    CAPTURE(section);
    CHECK(files.contains(section));
  }
}

TEST_CASE("contract table: every file is there and names its section, and so does some title") {
  const std::regex remark(R"(//([^\n]*(?:\n//[^\n]*)*))");
  for (const auto& [section, files] : table()) {
    CAPTURE(section);
    bool in_a_title = false;
    for (const std::string& file : files) {
      CAPTURE(file);
      const std::string source = read(tests / file);
      REQUIRE_FALSE(source.empty());
      bool named = false;
      for (const std::string& subject : subjects(source)) named = named || names(subject, section);
      in_a_title = in_a_title || named;
      // End-to-end tests name it in the file's first lines.
      const auto remarks = all(source, remark);
      if (!named && !remarks.empty()) named = names(remarks.front(), section);
      CHECK(named);
    }
    CHECK(in_a_title);
  }
}

TEST_CASE("contract table: what it says beside the table exists, too") {
  const std::string readme = read(tests / "README.md");
  const std::regex file("`((?:tests|packaging|e2e|containers|sim)/[a-z0-9_/]+\\.[a-z]+)");
  for (const std::string& name : all(readme, file)) {
    CAPTURE(name);
    CHECK((fs::exists(tests / name) || fs::exists(tests.parent_path() / name)));
  }
}
