// SPDX-License-Identifier: Apache-2.0
// harden.h: what a process that holds keys asks of the kernel before it reads the first one.
#pragma once

namespace meshd {

// No core dumps and no tracing by other processes of this user, unless MESHD_ALLOW_CORE=1 (debuggers, strace);
// a write to a closed pipe is an error, not the end; as many descriptors as the hard limit allows.
void harden_process();

}  // namespace meshd
