// SPDX-License-Identifier: Apache-2.0
// text_diff.h: what differs between two texts, as people read it (unified format, as `diff -u` writes it).
#pragma once
#include <string>
#include <string_view>

namespace meshd {

struct DiffSide {
  std::string_view name;  // shown in the --- or +++ line
  std::string_view text;
};

// Empty where the texts are equal. Three lines of context. Texts that differ in very many lines are shown as one
// replaced block: right, though not the shortest.
std::string text_diff(DiffSide from, DiffSide to);

}  // namespace meshd
