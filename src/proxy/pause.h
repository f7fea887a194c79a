// SPDX-License-Identifier: Apache-2.0
// pause.h: waiting on purpose, for as long as the request is wanted.
#pragma once
#include "http/message.h"
#include "loop/loop.h"

namespace meshd {

// Waits for `time`. False at once when the request is given up: its deadline, or its client has gone.
Task<bool> pause(Request& request, milliseconds time);

}  // namespace meshd
