// SPDX-License-Identifier: Apache-2.0
#include "snapshot/path_index.h"

#include <algorithm>

namespace meshd {

uint32_t PathIndex::prefix(std::string_view prefix) {
  if (prefix.ends_with('/')) prefix.remove_suffix(1);
  auto depth = static_cast<unsigned>(std::ranges::count(prefix, '/'));
  for (; depth > kDepthMax; --depth) prefix = prefix.substr(0, prefix.rfind('/'));
  depths_ |= 1u << depth;
  return place(prefix_.try_emplace(std::string(prefix), kNone).first->second);
}

}  // namespace meshd
