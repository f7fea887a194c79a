// SPDX-License-Identifier: Apache-2.0
// match_json.h: a route's match and lists of callers as JSON and back, as parts of an object.
#pragma once
#include "snapshot/object_json.h"

namespace meshd {

Json write_match(const model::Match& match, SourcePos base);
model::Match read_match(const Json& j, In& parent);

// Member "from".
void write_principals(Out& out, const std::vector<model::Principal>& from);
std::vector<model::Principal> read_principals(In& in);

}  // namespace meshd
