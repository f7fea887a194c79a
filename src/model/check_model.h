// SPDX-License-Identifier: Apache-2.0
// check_model.h: what the values say of each other: references, duplicates, routes that nothing reaches.
#pragma once
#include "model/diagnostics.h"
#include "model/model.h"

namespace meshd::model {

void check_model(const Model& model, Findings& findings);

}  // namespace meshd::model
