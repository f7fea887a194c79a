// SPDX-License-Identifier: Apache-2.0
#include "control/state_lock.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <optional>

#include "control/test_dir.h"

namespace meshd {

TEST_CASE("a state directory has one meshd, until it ends in whatever way") {
  TestDir dir;
  CHECK_FALSE(StateLock::held(dir.path()));
  {
    auto lock = StateLock::take(dir.path());
    REQUIRE(lock);
    CHECK(StateLock::held(dir.path()));
    auto second = StateLock::take(dir.path());
    REQUIRE_FALSE(second);
    CHECK(second.error().code == Errc::conflict);
    CHECK(second.error().what.find("another meshd runs on this state") != std::string::npos);
  }
  CHECK_FALSE(StateLock::held(dir.path()));
  pid_t child = fork();
  if (child == 0) {
    auto lock = StateLock::take(dir.path());
    _exit(lock ? 0 : 1);  // without giving it back
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(StateLock::take(dir.path()));
}

}  // namespace meshd
