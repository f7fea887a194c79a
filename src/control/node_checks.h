// SPDX-License-Identifier: Apache-2.0
// node_checks.h: what is wrong with this node, or soon will be, for `meshd check`; the workloads' part is
// proxy/owner_report.h.
#pragma once
#include "base/check_list.h"
#include "control/node_status.h"
#include "loop/task.h"

namespace meshd {

// Looks at:
//   cert.valid         each certificate of this node: until when, and why it was not renewed
//   cert.root          the roots that are trusted, and until when
//   trust.taken        what the server last said of trust was taken
//   clock.skew         the machine's clock beside the server's
//   clock.set          the machine's clock was set
//   state.modes        the state directory and the keys in it are closed to others
//   keys.sealed        private keys are sealed with a host key
//   config.taken       the last configuration was taken, whole, and is on disk
//   listen.bound       every listener of the file has its port
//   limits.files       descriptors this process may open
CheckList node_checks(const NodeParts& node);

// Asks, each for kPeerCheckLimit at most:
//   server.reachable   the control connection stands
//   peer.reachable     each node's mesh port answers
Task<CheckList> peer_checks(const NodeParts& node);

inline constexpr milliseconds kPeerCheckLimit{1'000};
inline constexpr uint64_t kFilesWanted = 65'536;
inline constexpr UnixSeconds kRootWarn = 30 * 86'400;  // before a root ends: to rotate it takes a leaf's life

}  // namespace meshd
