// SPDX-License-Identifier: Apache-2.0
// buffered.h: how much memory this thread's chunks keep alive, whoever holds them.
#pragma once
#include <cstddef>

namespace meshd {

// Bytes of all blocks of this thread that some chunk still refers to (chunk.cc).
size_t buffered_bytes();

}  // namespace meshd
