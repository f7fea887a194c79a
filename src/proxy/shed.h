// SPDX-License-Identifier: Apache-2.0
// shed.h: what a loop gives up when its connections buffer too much: first new requests, then idle connections, then
// those that hold most. Each connection alone has limits; this is the limit of all together.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "http/server_group.h"

namespace meshd {

enum class Pressure : uint8_t {
  none,
  busy,      // from 92 % of the budget: new requests are refused
  high,      // from 95 %: connections without a request are closed
  critical,  // from 98 %: those whose peers take least are cut, down to 90 %
};
Pressure pressure_of(size_t buffered, size_t budget);

inline constexpr Error kShed{Errc::overload, Side::self, "this node has no memory for more"};

// Acts on what `pressure_of(buffered, budget)` says; gives how many connections it cut that were not idle.
size_t shed(ServerGroup& group, size_t buffered, size_t budget);

}  // namespace meshd
