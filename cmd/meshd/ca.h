// SPDX-License-Identifier: Apache-2.0
// ca.h: `meshd ca` has more commands than one file should hold.
#pragma once
#include "meshd/command.h"

namespace meshd::cli {

void add_ca_files(CLI::App& ca, Globals& globals);  // root, new-request, sign-intermediate

void add_ca_trust(CLI::App& ca, Globals& globals);  // rotate, abort, deny, allow, denied

}  // namespace meshd::cli
