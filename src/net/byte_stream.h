// SPDX-License-Identifier: Apache-2.0
// byte_stream.h: a two-way stream of bytes: TCP, TLS, a tunnel stream, an in-memory pipe.
#pragma once
#include "base/chunk.h"
#include "base/result.h"
#include "loop/task.h"

namespace meshd {

class ByteStream {
 public:
  virtual ~ByteStream() = default;

  // The next bytes as they come; an empty chunk is the end of the stream (again at each further call).
  // One reader at a time. Errors: reset, timeout, cancelled, tls, …; final.
  virtual Await<Result<Chunk>> read() = 0;

  // Hands over `chunks` in order; done when the layer below took them, at once while its queue is short
  // (kStreamOutboxHigh). One writer at a time. An error may belong to an earlier write. Gives the bytes taken.
  virtual Await<Result<size_t>> write(Chunks chunks) = 0;

  // Ends the write direction after all that was written; reading goes on. Done when the end has been
  // handed down.
  virtual Await<Result<>> finish() = 0;

  // Ends both directions now; unsent bytes are dropped. Every waiting read, write and finish completes
  // with `why`. Further calls do nothing; further reads and writes fail with `why`. A code of `reset`
  // tells the peer so (RST) where the transport can.
  virtual void close(Error why) = 0;

  // True when a read would complete at once: bytes, the end or an error are there. An idle pooled
  // connection that is ready is dead or broken.
  virtual bool ready() const = 0;

  // Bytes that were written and not yet handed to the kernel or peer, for shedding and tests.
  virtual size_t queued() const { return 0; }

  Await<Result<size_t>> write(Chunk chunk) {
    Chunks chunks;
    chunks.push_back(std::move(chunk));
    return write(std::move(chunks));
  }
};

}  // namespace meshd
