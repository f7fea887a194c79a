// SPDX-License-Identifier: Apache-2.0
// direction.h: which of its two sides a proxy acted for.
#pragma once
#include <cstdint>
#include <string_view>

namespace meshd {

enum class Direction : uint8_t {
  inbound,   // for the workload that is called
  outbound,  // for the workload that calls
};

inline std::string_view name_of(Direction d) { return d == Direction::inbound ? "inbound" : "outbound"; }

}  // namespace meshd
