// SPDX-License-Identifier: Apache-2.0
// pipe.h: two ByteStreams joined in memory: workloads of one node, and tests.
#pragma once
#include <memory>
#include <utility>

#include "base/limits.h"
#include "net/byte_stream.h"

namespace meshd {

struct PipePair {
  std::unique_ptr<ByteStream> a, b;
};

// What is written to one end is read from the other. Each direction holds at most about `capacity` bytes;
// then a writer waits for the reader. Both ends belong to the loop that made them.
PipePair make_pipe(size_t capacity = kStreamOutboxHigh);

}  // namespace meshd
