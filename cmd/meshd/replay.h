// SPDX-License-Identifier: Apache-2.0
// replay.h: `meshd explain --replay LOG --config FILE`: what a file would change for requests that were.
#pragma once
#include "meshd/command.h"

namespace meshd::cli {

struct ReplayOptions {
  std::string log, candidate, base;
  bool all = false;
};
// kFindings when something would change.
int run_replay(Globals& globals, const ReplayOptions& options);

}  // namespace meshd::cli
