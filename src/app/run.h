// SPDX-License-Identifier: Apache-2.0
// run.h: `meshd run`: one process from its first to its last moment.
#pragma once
#include "app/node.h"

namespace meshd {

// Returns when SIGTERM or SIGINT came and the node has ended in order. Errors: whatever kept it from starting.
Outcome<> run(NodeOptions options);

}  // namespace meshd
