// Contract 6: the files of the cache, in a real directory.

#include "shim/io/cache.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "shim/core/cache_entry.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace shim {
namespace {

namespace fs = std::filesystem;
using namespace test;

constexpr std::string_view url = "ws://h:1/";
const std::string version = "2025-11-25";

/// Sets the umask for as long as it lives.
class Umask {
 public:
  explicit Umask(mode_t mask) : before_(::umask(mask)) {}
  ~Umask() { ::umask(before_); }
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;

 private:
  mode_t before_;
};

/// The path of the one file that storing a version makes.
std::string path_of_file(const std::string& directory) {
  Cache cache(directory, url);
  REQUIRE(cache.store(version, "x").empty());
  const auto names = files_in(directory);
  REQUIRE(names.size() == 1);
  return names.front();
}

constexpr std::string_view unusable = "unusable";  // so that there is a warning

TEST_CASE("cache 6: what is stored is loaded, to the byte, by URL and by version") {
  const TemporaryDirectory top;
  const std::string directory = top / "cache";
  Cache cache(directory, url);
  CHECK(cache.load(version).empty());
  CHECK_FALSE(fs::exists(directory));  // made when first needed
  const std::array texts{std::string("{}\n"), std::string("\0\xff\r\n", 4),
                         std::string(CacheEntry::file_bytes_max, 'x'), std::string("short again")};
  for (const std::string& text : texts) {
    CHECK(cache.store(version, text).empty());
    CHECK((cache.load(version) == text));
    CHECK((Cache(directory, url).load(version) == text));
    CHECK(files_in(directory).size() == 1);  // nothing temporary stays
  }
  CHECK(cache.load("2025-06-18").empty());
  CHECK(Cache(directory, "ws://h:2/").load(version).empty());
  CHECK(cache.store("2025-06-18", "other").empty());
  CHECK(cache.load(version) == "short again");
  CHECK(files_in(directory).size() == 2);
}

TEST_CASE(
    "cache 6: the directory is for this user only, and so are the files, whatever the umask") {
  for (const mode_t mask : {0U, 022U, 002U, 077U}) {
    CAPTURE(mask);
    const TemporaryDirectory top;
    const Umask set(mask);
    const std::string directory = top / "parent/cache";
    Cache cache(directory, url);
    CHECK(cache.store(version, "text").empty());
    CHECK(mode_of(directory) == 0700);
    for (const std::string& name : files_in(directory)) CHECK(mode_of(name) == 0600);
  }
}

TEST_CASE("cache 6: a slash at the end of the directory's name changes nothing") {
  for (const std::string end : {"/", "//", "/."}) {
    for (const mode_t mask : {022U, 002U}) {
      CAPTURE(end);
      CAPTURE(mask);
      const TemporaryDirectory top;
      const Umask set(mask);
      Cache cache(top / "cache" + end, url);
      CHECK(cache.store(version, "text").empty());
      CHECK(cache.load(version) == "text");
      CHECK(mode_of(top / "cache") == 0700);
    }
  }
}

TEST_CASE("cache 6: a replaced file gets the right mode even if the old one had not") {
  const TemporaryDirectory top;
  const std::string file = path_of_file(top / "cache");
  REQUIRE(::chmod(file.c_str(), 0666) == 0);
  Cache cache(top / "cache", url);
  CHECK(cache.store(version, "new").empty());
  CHECK(mode_of(file) == 0600);
}

TEST_CASE("cache 6: a symbolic link in place of the file is not followed, but replaced") {
  const TemporaryDirectory top;
  const std::string file = path_of_file(top / "cache");
  const std::string elsewhere = top / "elsewhere";
  write_text(elsewhere, "precious");
  fs::remove(file);
  fs::create_symlink(elsewhere, file);
  Cache cache(top / "cache", url);
  CHECK(cache.load(version) == unusable);
  CHECK(cache.store(version, "new").empty());
  CHECK(cache.load(version) == "new");
  CHECK(read_text(elsewhere) == "precious");
  CHECK_FALSE(fs::is_symlink(file));
}

TEST_CASE("cache 6: a FIFO in place of the file does not hang us") {
  const TemporaryDirectory top;
  const std::string file = path_of_file(top / "cache");
  fs::remove(file);
  REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
  Cache cache(top / "cache", url);
  ::alarm(10);  // rather a signal than a test that never ends
  CHECK(cache.load(version) == unusable);
  CHECK(cache.store(version, "new").empty());
  ::alarm(0);
  CHECK(cache.load(version) == "new");
}

TEST_CASE("cache 6: a directory in place of the file is no file, and cannot be replaced") {
  const TemporaryDirectory top;
  const std::string file = path_of_file(top / "cache");
  fs::remove(file);
  fs::create_directory(file);
  Cache cache(top / "cache", url);
  CHECK(cache.load(version) == unusable);
  CHECK_FALSE(cache.store(version, "new").empty());
  CHECK(cache.store(version, "new").empty());     // said once
  CHECK(files_in(top / "cache").size() == 1);     // nothing temporary stays
  CHECK(cache.store("2025-06-18", "x").empty());  // another file is no trouble
  CHECK(cache.load("2025-06-18") == "x");
}

TEST_CASE("cache 6: an empty file and one that is too large are not read") {
  const TemporaryDirectory top;
  const std::string file = path_of_file(top / "cache");
  const Cache cache(top / "cache", url);
  fs::resize_file(file, 0);
  CHECK(cache.load(version) == unusable);
  fs::resize_file(file, CacheEntry::file_bytes_max);
  CHECK(cache.load(version).size() == CacheEntry::file_bytes_max);
  fs::resize_file(file, CacheEntry::file_bytes_max + 1);
  CHECK(cache.load(version) == unusable);
  fs::resize_file(file, std::uintmax_t{1} << 40U);  // sparse
  CHECK(cache.load(version) == unusable);
}

TEST_CASE("cache 6: a directory that others can write to is not written to") {
  for (const mode_t mode : {0770U, 0707U, 0777U, 01777U, 0720U}) {
    CAPTURE(mode);
    const TemporaryDirectory top;
    const std::string directory = top / "cache";
    fs::create_directory(directory);
    REQUIRE(::chmod(directory.c_str(), mode) == 0);
    Cache cache(directory, url);
    const std::string error = cache.store(version, "text");
    CHECK(error.find(directory) != std::string::npos);
    CHECK(cache.store(version, "text").empty());
    CHECK(files_in(directory).empty());
    CHECK(mode_of(directory) == mode);  // it is not ours to mend
  }
}

TEST_CASE("cache 6: what belongs to somebody else is neither read nor written") {
  if (::geteuid() != 0) return;  // only root can set the stage
  constexpr uid_t nobody = 65534;
  const TemporaryDirectory top;
  const std::string file = path_of_file(top / "cache");
  Cache cache(top / "cache", url);
  REQUIRE(::chown(file.c_str(), nobody, nobody) == 0);
  CHECK(cache.load(version) == unusable);
  CHECK(cache.store(version, "mine").empty());  // the directory is ours: replaced
  CHECK(cache.load(version) == "mine");
  REQUIRE(::chown((top / "cache").c_str(), nobody, nobody) == 0);
  CHECK_FALSE(cache.store(version, "new").empty());
  CHECK(read_text(file) == "mine");
}

TEST_CASE("cache 6: where nothing can be written, that is said once and all else goes on") {
  const TemporaryDirectory top;
  std::string directory;
  SUBCASE("the directory's name is taken by a file") {
    write_text(top / "file", "precious");
    directory = top / "file";
  }
  SUBCASE("its parent is a file") {
    write_text(top / "file", "precious");
    directory = top / "file/cache";
  }
  SUBCASE("its name is too long") { directory = top / std::string(300, 'x'); }
  SUBCASE("it is a link to nowhere") {
    fs::create_symlink(top / "nowhere", top / "link");
    directory = top / "link";
  }
  SUBCASE("it cannot be written to") {
    if (::geteuid() == 0) return;  // root can
    directory = top / "cache";
    fs::create_directory(directory);
    REQUIRE(::chmod(directory.c_str(), 0500) == 0);
  }
  Cache cache(directory, url);
  CHECK(cache.load(version).empty());
  const std::string error = cache.store(version, "text");
  CHECK_FALSE(error.empty());
  CHECK(error.find_first_of("\r\n") == std::string::npos);
  for (int i = 0; i < 3; ++i) CHECK(cache.store(version, "text").empty());
  CHECK(cache.load(version).empty());
  if (fs::exists(top / "file")) CHECK(read_text(top / "file") == "precious");
}

TEST_CASE("cache 10: an odd name of a directory is made printable in the error text") {
  const TemporaryDirectory top;
  write_text(top / "a\nb\x1b", "");
  Cache cache(top / "a\nb\x1b", url);
  const std::string error = cache.store(version, "text");
  CHECK_FALSE(error.empty());
  for (const char c : error) CHECK((c >= ' ' && c <= '~'));
}

TEST_CASE("cache 6: a directory that has become writable is used") {
  const TemporaryDirectory top;
  write_text(top / "cache", "");
  Cache cache(top / "cache", url);
  CHECK_FALSE(cache.store(version, "text").empty());
  fs::remove(top / "cache");
  CHECK(cache.store(version, "text").empty());
  CHECK(cache.load(version) == "text");
}

TEST_CASE("cache 6: an empty name of the directory switches it off") {
  Cache cache("", url);
  CHECK(cache.store(version, "text").empty());
  CHECK(cache.load(version).empty());
}

TEST_CASE("cache 6: two writers take turns, and a reader always sees a whole file") {
  const TemporaryDirectory top;
  Cache one(top / "cache", url);
  Cache two(top / "cache", url);
  const std::string long_text(100000, '1');
  for (int i = 0; i < 20; ++i) {
    CHECK(one.store(version, long_text).empty());
    CHECK((two.load(version) == long_text));
    CHECK(two.store(version, "2").empty());
    CHECK(one.load(version) == "2");
  }
  CHECK(files_in(top / "cache").size() == 1);
}

TEST_CASE("cache 6: what a process with our pid left behind when it died is in nobody's way") {
  const TemporaryDirectory top;
  const std::string file = path_of_file(top / "cache");
  const std::string temporary = file + "." + std::to_string(::getpid()) + ".tmp";
  SUBCASE("a file") { write_text(temporary, "half"); }
  SUBCASE("a link") {
    write_text(top / "elsewhere", "precious");
    fs::create_symlink(top / "elsewhere", temporary);
  }
  Cache cache(top / "cache", url);
  CHECK(cache.store(version, "new").empty());
  CHECK(cache.load(version) == "new");
  CHECK(files_in(top / "cache").size() == 1);
  if (fs::exists(top / "elsewhere")) CHECK(read_text(top / "elsewhere") == "precious");
}

TEST_CASE("cache 12: a thousand failures and successes leave no descriptor open") {
  const TemporaryDirectory top;
  const auto open_descriptors = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  if (!fs::exists("/proc/self/fd")) return;
  Cache cache(top / "cache", url);
  write_text(top / "file", "");
  Cache failing(top / "file", url);
  const auto before = open_descriptors();
  for (int i = 0; i < 1000; ++i) {
    CHECK(cache.store(version, "text").empty());
    CHECK(cache.load(version) == "text");
    static_cast<void>(failing.store(version, "text"));
    CHECK(failing.load(version).empty());
  }
  CHECK(open_descriptors() == before);
}

}  // namespace
}  // namespace shim
