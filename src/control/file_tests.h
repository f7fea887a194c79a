// SPDX-License-Identifier: Apache-2.0
// file_tests.h: runs the `tests:` of a file with the production decision, as if every node it names had joined.
#pragma once
#include <vector>

#include "model/config.h"
#include "snapshot/snapshot.h"

namespace meshd {

struct FileTests {
  size_t passed = 0;
  // One error per expectation that does not hold, at the test's place: "GET http://web/ from service/api: expected …, got …".
  std::vector<model::Diagnostic> failures;
};
FileTests run_file_tests(const model::Model& model);

// Every node that the file names, at an address where nothing is ever dialled.
std::vector<NodeInfo> imagined_nodes(const model::Model& model);

}  // namespace meshd
