// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

namespace meshd {

namespace {

// What `write` puts on stderr.
template <class F>
std::string captured(F write) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  int saved = dup(STDERR_FILENO);
  dup2(ends[1], STDERR_FILENO);
  close(ends[1]);
  write();
  dup2(saved, STDERR_FILENO);
  close(saved);
  char buffer[4096];
  ssize_t n = read(ends[0], buffer, sizeof buffer);
  close(ends[0]);
  return n > 0 ? std::string(buffer, static_cast<size_t>(n)) : std::string();
}

}  // namespace

TEST_CASE("a log line is a time, a level, an event and its facts") {
  std::string line = captured([] { log::info("node joined", {{"node", "n2"}, {"port", 15008}}); });
  REQUIRE(line.size() > 21);
  REQUIRE(line.substr(19, 2) == "Z ");
  REQUIRE(line.substr(21) == "info  node joined node=n2 port=15008\n");
}

TEST_CASE("a foreign value cannot forge a line or a fact") {
  std::string line =
      captured([] { log::warn("odd", {{"a", "x\nfake"}, {"b", "two words"}, {"c", "q\"\\"}, {"d", ""}}); });
  REQUIRE(line.substr(21) == "warn  odd a=\"x\\x0afake\" b=\"two words\" c=\"q\\\"\\\\\" d=\"\"\n");
}

TEST_CASE("lines below the level are not written") {
  REQUIRE(captured([] { log::debug("quiet"); }).empty());
}

}  // namespace meshd
