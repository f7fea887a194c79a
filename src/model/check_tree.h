// SPDX-License-Identifier: Apache-2.0
// check_tree.h: the tree against the table of keys: unknown, missing, wrong kind, wrong unit, not supported.
#pragma once
#include "model/diagnostics.h"
#include "model/yaml.h"

namespace meshd::model {

void check_tree(const YamlNode& root, Findings& findings);

}  // namespace meshd::model
