// SPDX-License-Identifier: Apache-2.0
// check_model.h: what the values say of each other: references, duplicates, routes that nothing reaches.
#pragma once
#include "model/diagnostics.h"
#include "model/model.h"

namespace meshd::model {

void check_model(const Model& model, Findings& findings);

// Whether every request that `b` matches is matched by `a` too. Never true wrongly; false where it is not obvious.
bool covers(const Match& a, const Match& b);

}  // namespace meshd::model
