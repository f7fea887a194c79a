// SPDX-License-Identifier: Apache-2.0
// table.h: rows of words as columns, for people.
#pragma once
#include <string>
#include <vector>

namespace meshd::cli {

// Columns as wide as their widest cell, two spaces between; the first row is the heading.
std::string format_table(const std::vector<std::vector<std::string>>& rows);
}  // namespace meshd::cli
