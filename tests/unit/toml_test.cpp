#include "shim/options/toml.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "shim/options/usage_error.hpp"

namespace shim {
namespace {

using Values = std::vector<std::string>;

/// The values of the only item.
Values values_of(const std::string& text) {
  CAPTURE(text);
  const auto items = read_toml(text, "file");
  REQUIRE(items.size() == 1);
  return items.front().values;
}

std::string toml_error(const std::string& text) {
  CAPTURE(text);
  try {
    static_cast<void>(read_toml(text, "file"));
  } catch (const UsageError& error) {
    return error.what();
  }
  FAIL("no error");
  return {};
}

}  // namespace

TEST_CASE("toml 2: each way to write a value") {
  CHECK(values_of("a = \"b\"") == Values{"b"});
  CHECK(values_of("a = 'b'") == Values{"b"});
  CHECK(values_of("a=b") == Values{"b"});
  CHECK(values_of("a = 5 # five") == Values{"5"});
  CHECK(values_of("a = \"\"") == Values{""});
  CHECK(values_of("  a  =\t\"b\" \r\n") == Values{"b"});
  CHECK(values_of("\"a\" = 'b'#c") == Values{"b"});
  CHECK(values_of("a = b c, d") == Values{"b c, d"});
  CHECK(values_of("a = \"#'[,\" # \"") == Values{"#'[,"});
}

TEST_CASE("toml 2: escapes count in basic strings and not in literal ones") {
  CHECK(values_of(R"(a = "\\ \" \t \n")") == Values{"\\ \" \t \n"});
  CHECK(values_of(R"(a = "\u0041\u00e9\u20AC\U0001F600")") ==
        Values{"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"});
  CHECK(values_of(R"(a = '\\ \" \t')") == Values{R"(\\ \" \t)"});
  CHECK(values_of(R"(a = \t)") == Values{R"(\t)"});
  for (const char* bad : {R"(a = "\x")", R"(a = "\u12")", R"(a = "\ud800")", R"(a = "b\u0000")",
                          R"(a = "\U00110000")", "a = \"\\", "a = \"\\\n"})
    CHECK(toml_error(bad).starts_with("file, line 1: "));
}

TEST_CASE("toml 2: a list may go over several lines, with comments and a comma at the end") {
  for (const char* list : {"a = [\"x\", 'y']", "a = [\n  \"x\",\n  'y'\n]\n",
                           "a = [ # one\n \"x\" # \"]\n , # two\n\n x2\n,'y',\n] # end\n"}) {
    const Values values = values_of(list);
    CHECK(values.front() == "x");
    CHECK(values.back() == "y");
  }
  CHECK(values_of("a = []").empty());
  CHECK(values_of("a = [\n# nothing\n]").empty());
  CHECK(values_of("a = [1, 2 ,3]") == Values{"1", "2", "3"});
}

TEST_CASE("toml 2: sections, with blanks and quotes, and keys with dots") {
  const auto items =
      read_toml("a = 1\n[ profile . \"my work\" ] # c\nb = 2\n[profile]\nx.c = 3\n", "f");
  REQUIRE(items.size() == 5);
  CHECK(items[0].section.empty());
  CHECK(items[1].key.empty());
  CHECK(items[2].section == Values{"profile", "my work"});
  CHECK(items[2].key == "b");
  CHECK(items[2].line == 3);
  CHECK(items[4].section == Values{"profile", "x"});
  CHECK(items[4].key == "c");
}

TEST_CASE("toml 2: what is none is refused with its line, and not repeated") {
  for (const char* bad : {"hunter2",
                          "hunter2: x",
                          "= hunter2",
                          "=",
                          "a =",
                          "a = \"hunter2",
                          "a = 'hunter2",
                          "a = \"x\" hunter2",
                          "a = \"x\", \"hunter2\"",
                          "a = [hunter2",
                          "a = [\"hunter2\"",
                          "a = [\"x\" hunter2]",
                          "a = [,]",
                          "a = [x,,y]",
                          "a = [[1]]",
                          "a = \"\"\"hunter2\"\"\"",
                          "a = '''hunter2'''",
                          "[hunter2",
                          "[]",
                          "[[hunter2]]",
                          "[a.]",
                          "[a] hunter2",
                          "a b = 1",
                          "a. = 1",
                          "hunter2\xff = 1"}) {
    CAPTURE(bad);
    const std::string error = toml_error("# comment\n\n" + std::string(bad) + "\n");
    CHECK(error.find("hunter2") == std::string::npos);
    CHECK(error.starts_with("file, line "));
  }
  CHECK(toml_error("a = 1\nb\n").starts_with("file, line 2: "));
}

TEST_CASE("toml 2: cut anywhere it is read or refused, and nothing worse") {
  const std::string whole = "\"a\" = [ 'b', \"\\u00e9\" ] # c\r\n[ d . 'e' ]\nf.g = h\n";
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    try {
      static_cast<void>(read_toml(whole.substr(0, size), "file"));
    } catch (const UsageError& error) {
      CHECK(std::string(error.what()).starts_with("file, line "));
    }
  }
}

}  // namespace shim
