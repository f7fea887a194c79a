// SPDX-License-Identifier: Apache-2.0
// shadow.h: `meshd apply --shadow FILE`, and what follows it: `meshd shadow status|promote|drop`.
#pragma once
#include "meshd/command.h"

namespace meshd::cli {

int begin_shadow(Globals& globals, const std::string& file, const std::string& message);

}  // namespace meshd::cli
