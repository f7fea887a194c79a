// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>

namespace meshd {

namespace {

struct TempDir {
  std::string path;
  TempDir() {
    char name[] = "/tmp/meshd-base-XXXXXX";
    path = mkdtemp(name);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string file(const std::string& name) const { return path + "/" + name; }
  size_t entries() const {
    size_t n = 0;
    for ([[maybe_unused]] const auto& e : std::filesystem::directory_iterator(path)) ++n;
    return n;
  }
};

unsigned mode_of(const std::string& path) {
  struct stat st{};
  REQUIRE(stat(path.c_str(), &st) == 0);
  return st.st_mode & 07777;
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a file comes back as written, closed to others, with nothing beside it") {
  TempDir dir;
  std::string bytes("a\0b\n", 4);
  REQUIRE(write_file(dir.file("f"), bytes));
  REQUIRE(read_file(dir.file("f"), 4) == bytes);
  REQUIRE(mode_of(dir.file("f")) == 0600);
  REQUIRE(dir.entries() == 1);
  REQUIRE(exists(dir.file("f")));
  REQUIRE_FALSE(exists(dir.file("g")));
  REQUIRE(write_file(dir.file("open"), "x", {.mode = 0640}));
  REQUIRE((mode_of(dir.file("open")) & ~0640u) == 0);
}

TEST_CASE("a file over the limit is refused, one at the limit is not") {
  TempDir dir;
  REQUIRE(write_file(dir.file("f"), std::string(40'000, 'x')));
  REQUIRE(read_file(dir.file("f"), 40'000)->size() == 40'000);
  auto large = read_file(dir.file("f"), 39'999);
  REQUIRE_FALSE(large);
  REQUIRE(large.error().code == Errc::limit);
  REQUIRE(large.error().what == dir.file("f") + " is larger than 39999 bytes");
}

TEST_CASE("the file replaced is kept where that is asked, and only the last one") {
  TempDir dir;
  WriteMode keep{.keep_previous = true};
  REQUIRE(write_file(dir.file("f"), "1", keep));
  REQUIRE_FALSE(exists(dir.file("f.prev")));
  REQUIRE(write_file(dir.file("f"), "2", keep));
  REQUIRE(write_file(dir.file("f"), "3", keep));
  REQUIRE(read_file(dir.file("f"), 10) == "3");
  REQUIRE(read_file(dir.file("f.prev"), 10) == "2");
  REQUIRE(write_file(dir.file("f"), "4"));
  REQUIRE(read_file(dir.file("f.prev"), 10) == "2");
  REQUIRE(dir.entries() == 2);
}

TEST_CASE("a temp file left by a crash does not stand in the way, nor does a link put there") {
  TempDir dir;
  REQUIRE(write_file(dir.file("victim"), "untouched"));
  REQUIRE(symlink(dir.file("victim").c_str(), dir.file("f.tmp." + std::to_string(getpid())).c_str()) == 0);
  REQUIRE(write_file(dir.file("f"), "new"));
  REQUIRE(read_file(dir.file("f"), 10) == "new");
  REQUIRE(read_file(dir.file("victim"), 10) == "untouched");
}

TEST_CASE("a failed write leaves the old file and nothing else") {
  TempDir dir;
  REQUIRE(write_file(dir.file("f"), "old"));
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small{1000, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  auto written = write_file(dir.file("f"), std::string(5000, 'x'), {.keep_previous = true});
  REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);
  REQUIRE_FALSE(written);
  REQUIRE(written.error().code == Errc::io);
  REQUIRE(contains(written.error().what, "File too large"));
  REQUIRE(read_file(dir.file("f"), 10) == "old");
  REQUIRE(dir.entries() == 1);
}

TEST_CASE("a missing file or directory is told as such") {
  TempDir dir;
  auto read = read_file(dir.file("none"), 10);
  REQUIRE_FALSE(read);
  REQUIRE(read.error().code == Errc::not_found);
  REQUIRE(contains(read.error().what, dir.file("none") + ": No such file or directory"));
  auto written = write_file(dir.file("no/where"), "x");
  REQUIRE_FALSE(written);
  REQUIRE(written.error().code == Errc::not_found);
  REQUIRE_FALSE(read_file(dir.path, 10));  // a directory
}

TEST_CASE("a private directory is made closed, and an open one refused with what to run") {
  TempDir dir;
  REQUIRE(make_private_dir(dir.file("d")));
  REQUIRE(mode_of(dir.file("d")) == 0700);
  REQUIRE(make_private_dir(dir.file("d")));
  REQUIRE(chmod(dir.file("d").c_str(), 0750) == 0);
  auto open = make_private_dir(dir.file("d"));
  REQUIRE_FALSE(open);
  REQUIRE(open.error().code == Errc::permission);
  REQUIRE(contains(open.error().what, "run: chmod 0700 " + dir.file("d")));
  REQUIRE(write_file(dir.file("f"), ""));
  REQUIRE(make_private_dir(dir.file("f")).error().code == Errc::conflict);
  REQUIRE(make_private_dir(dir.file("a/b")).error().code == Errc::not_found);
}

TEST_CASE("a secret must be a regular file, ours and closed") {
  TempDir dir;
  REQUIRE(write_file(dir.file("key"), "secret"));
  REQUIRE(check_private_file(dir.file("key")));
  REQUIRE(symlink(dir.file("key").c_str(), dir.file("link").c_str()) == 0);
  REQUIRE(check_private_file(dir.file("link")).error().code == Errc::permission);
  REQUIRE(check_private_file(dir.path).error().code == Errc::permission);
  REQUIRE(check_private_file(dir.file("none")).error().code == Errc::not_found);
  REQUIRE(chmod(dir.file("key").c_str(), 0604) == 0);
  auto open = check_private_file(dir.file("key"));
  REQUIRE_FALSE(open);
  REQUIRE(contains(open.error().what, "run: chmod 0600 " + dir.file("key")));
}

TEST_CASE("files of another user are refused by name", "[root]") {
  if (geteuid() != 0) SKIP("only root can give files away");
  TempDir dir;
  REQUIRE(write_file(dir.file("key"), "secret"));
  REQUIRE(chown(dir.file("key").c_str(), 65534, 65534) == 0);
  REQUIRE(contains(check_private_file(dir.file("key")).error().what, "belongs to user 65534"));
  REQUIRE(make_private_dir(dir.file("d")));
  REQUIRE(chown(dir.file("d").c_str(), 65534, 65534) == 0);
  REQUIRE(contains(make_private_dir(dir.file("d")).error().what, "belongs to user 65534"));
}

TEST_CASE("a wiped secret is gone from its memory") {
  std::string secret(100, 's');
  const char* memory = secret.data();
  wipe(secret);
  REQUIRE(secret.empty());
  REQUIRE(secret.data() == memory);
  for (size_t i = 0; i < 100; ++i) REQUIRE(memory[i] != 's');
}

}  // namespace meshd
