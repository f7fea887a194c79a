// SPDX-License-Identifier: Apache-2.0
// actions_json.h: a route's actions as JSON and back, as parts of its object.
#pragma once
#include "snapshot/object_json.h"

namespace meshd {

// Members of the route's own object.
void write_actions(Out& out, const model::Actions& actions);
model::Actions read_actions(In& in);
void write_sticky(Out& out, const model::Sticky& sticky);
model::Sticky read_sticky(In& in);

}  // namespace meshd
