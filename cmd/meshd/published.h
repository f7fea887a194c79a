// SPDX-License-Identifier: Apache-2.0
// published.h: what commands that change the mesh's file say of it, and how they wait for the nodes.
#pragma once
#include <chrono>

#include "meshd/server_call.h"

namespace meshd::cli {

using SteadyClock = std::chrono::steady_clock;

// The findings of a file that was refused (422).
int report_invalid(Globals& globals, const Json& answer);
// `made`, the answer of a change that made a revision, until every connected node has it or the time is over. Says how
// it went, or prints all as JSON. kOk, kFailed (a node refused it), kTookTooLong.
int await_nodes(Globals& globals, Json& made, SteadyClock::time_point until);

}  // namespace meshd::cli
