// SPDX-License-Identifier: Apache-2.0
// rotation.h: where the change from one root to the next stands; kept on disk, so that it goes on after any restart.
//
//   none        one root
//   distribute  the next root is made; nodes are told to trust both; leaves are signed as before
//   switching   every node trusts both (or is not waited for); the new one signs; the server takes a leaf of it
//   renew       nodes renew under the new root, which a certificate by the old one vouches for besides
//   retire      every leaf is of the new root; nodes are told to trust it alone; the old keys are gone
// Who decides that a phase is over is control/root_rotation.h; what each means for signing is authority.h.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace meshd {

enum class RotationPhase : uint8_t { none, distribute, switching, renew, retire };
std::string_view name_of(RotationPhase phase);

struct RotationState {
  std::string trust_domain;
  RotationPhase phase = RotationPhase::none;
  std::string active;     // directory of the root that signs, below the authority's; empty: that itself
  std::string other;      // distribute: of the next root; later: of the one before
  bool force = false;     // nodes that are away are not waited for
  uint32_t count = 1;     // of roots so far: names the next directory
  UnixSeconds since = 0;  // of the phase

  friend bool operator==(const RotationState&, const RotationState&) = default;
};

// In a file with its checksum; the one before is kept beside it and takes its place when the newer one is damaged.
Outcome<> save_rotation(const std::string& path, const RotationState& state);
// Errors: not_found, permission, io, invalid_argument (both damaged).
Outcome<RotationState> load_rotation(const std::string& path);

}  // namespace meshd
