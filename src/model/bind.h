// SPDX-License-Identifier: Apache-2.0
// bind.h: the tree as values, with the table's defaults filled in.
#pragma once
#include "model/diagnostics.h"
#include "model/model.h"
#include "model/yaml.h"

namespace meshd::model {

// What check_tree found wrong is left at its default; what only shows when values are read is reported here.
Model bind(const YamlNode& root, Findings& findings);

}  // namespace meshd::model
