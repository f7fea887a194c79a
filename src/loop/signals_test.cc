// SPDX-License-Identifier: Apache-2.0
#include "loop/signals.h"

#include <signal.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include "loop/loop.h"

namespace meshd {

TEST_CASE("a signal becomes a call on the loop, each time") {
  Loop loop;
  int seen = 0;
  SignalWatch watch(SIGUSR1, [&seen] { ++seen; });
  for (int round = 1; round <= 2; ++round) {
    kill(getpid(), SIGUSR1);
    loop.run_until([&] { return seen == round; });
    REQUIRE(seen == round);
  }
}

TEST_CASE("a watch that is gone leaves the others alone") {
  Loop loop;
  int seen = 0;
  SignalWatch stays(SIGUSR2, [&seen] { ++seen; });
  {
    SignalWatch goes(SIGUSR2, [&seen] { seen += 100; });
  }
  kill(getpid(), SIGUSR2);
  loop.run_until([&] { return seen > 0; });
  REQUIRE(seen == 1);
}

}  // namespace meshd
