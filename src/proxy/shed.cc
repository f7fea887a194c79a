// SPDX-License-Identifier: Apache-2.0
#include "proxy/shed.h"

namespace meshd {

Pressure pressure_of(size_t buffered, size_t budget) {
  // In tenths of a percent.
  size_t share = budget == 0 ? 0 : buffered / (budget / 1000 + 1);
  if (share >= 980) return Pressure::critical;
  if (share >= 950) return Pressure::high;
  return share >= 920 ? Pressure::busy : Pressure::none;
}

size_t shed(ServerGroup& group, size_t buffered, size_t budget) {
  Pressure pressure = pressure_of(buffered, budget);
  if (pressure < Pressure::high) return 0;
  group.close_idle(kShed);
  if (pressure != Pressure::critical) return 0;
  // What waits for a peer is a part of what its connection keeps alive; the shares are alike.
  double keep = static_cast<double>(budget) * 0.9 / static_cast<double>(buffered);
  return group.close_fullest(1 - keep, kShed);
}

}  // namespace meshd
