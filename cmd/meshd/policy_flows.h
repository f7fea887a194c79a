// SPDX-License-Identifier: Apache-2.0
// policy_flows.h: policy commands that look at recorded flows (on a server).
#pragma once
#include "meshd/command.h"

namespace meshd::cli {

int learn_policy(Globals& globals, const std::string& since);
// kFindings: some flow would be denied.
int simulate_policy(Globals& globals, const std::string& file, const std::string& since);

}  // namespace meshd::cli
