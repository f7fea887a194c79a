// SPDX-License-Identifier: Apache-2.0
// crash_test.cc: a server killed at any moment has every revision that it acknowledged.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>

#include "base/random.h"
#include "store/store.h"
#include "store/testing.h"

namespace meshd::store {

namespace {

// The child: opens the store, appends without end, and says each number through `out` once it has it.
[[noreturn]] void append_until_killed(const std::string& path, int round, int out) {
  auto store = Store::open(path, Clock::system(), fake_hash);
  if (!store) _exit(1);
  for (uint64_t i = 0;; ++i) {
    std::string text = "round " + std::to_string(round) + " text " + std::to_string(i);
    auto appended = (*store)->revisions().append({.text = text + std::string(i % 7 * 1000, '.')});
    if (!appended || write(out, &appended->number.value, 8) != 8) _exit(1);
  }
}

// Runs one life of the server and returns the numbers it acknowledged before it was killed.
std::vector<uint64_t> one_life(const std::string& path, int round, unsigned microseconds) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    close(ends[0]);
    append_until_killed(path, round, ends[1]);
  }
  close(ends[1]);
  std::vector<uint64_t> acknowledged;
  uint64_t number = 0;
  // The clock starts with the first acknowledgement, so that each life gets to work.
  if (read(ends[0], &number, 8) == 8) acknowledged.push_back(number);
  usleep(microseconds);
  kill(child, SIGKILL);
  while (read(ends[0], &number, 8) == 8) acknowledged.push_back(number);
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  return acknowledged;
}

void kill_and_check(int lives) {
  TempDir dir;
  FastRandom random(static_cast<uint64_t>(getpid()));
  uint64_t highest = 0;
  for (int round = 0; round < lives; ++round) {
    auto acknowledged = one_life(dir.file(), round, random.below(8000));
    REQUIRE_FALSE(acknowledged.empty());
    auto store = Store::open(dir.file(), Clock::system(), fake_hash);
    REQUIRE(store);
    for (uint64_t number : acknowledged) {
      ++highest;
      REQUIRE(number == highest);
      auto revision = (*store)->revisions().get({number});
      REQUIRE(revision);
      REQUIRE(revision->text.starts_with("round " + std::to_string(round) + " text "));
    }
    // At most the one in flight may be there beyond what was acknowledged.
    auto latest = (*store)->revisions().latest();
    REQUIRE((*latest)->number.value - highest <= 1);
    highest = (*latest)->number.value;
    REQUIRE((*store)->revisions().verify() == highest);
  }
}

}  // namespace

TEST_CASE("no acknowledged revision is lost when the server is killed") { kill_and_check(12); }

TEST_CASE("no acknowledged revision is lost when the server is killed 200 times", "[.long]") {
  kill_and_check(200);
}

}  // namespace meshd::store
