// SPDX-License-Identifier: Apache-2.0
// bind_match.h: the `match` of a route as values.
#pragma once
#include "model/diagnostics.h"
#include "model/match.h"
#include "model/reader.h"

namespace meshd::model {

Match bind_match(const Reader& match, Findings& findings);

// The caller that `node` names; nullopt: it was reported.
std::optional<Principal> bind_principal(const YamlNode& node, Findings& findings);

// Reports a pattern that RE2 does not take, at its place, with RE2's reason.
void check_regex(const YamlNode& node, Findings& findings);

}  // namespace meshd::model
