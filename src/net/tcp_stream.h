// SPDX-License-Identifier: Apache-2.0
// tcp_stream.h: a connected TCP or Unix socket as a ByteStream.
//
// Reading: libuv fills slices of a shared slab; one read() takes what has come. When nobody takes it,
// reading stops at kStreamInboxMax and the kernel's window closes. Writing: everything written in a turn
// of the loop leaves in one system call at the turn's end.
#pragma once
#include <memory>

#include "base/clock.h"
#include "net/address.h"
#include "net/byte_stream.h"

struct uv_stream_s;

namespace meshd {

class TcpStream final : public ByteStream {
 public:
  // Takes ownership of a connected, non-blocking socket, whose options are set. Errors: exhausted.
  static Result<std::unique_ptr<TcpStream>> adopt(int fd);
  // The same of a socket that a listener handed its options down to.
  static Result<std::unique_ptr<TcpStream>> accepted(int fd, SocketAddress local, SocketAddress peer);
  ~TcpStream() override;

  Await<Result<Chunk>> read() override;
  Await<Result<size_t>> write(Chunks chunks) override;
  using ByteStream::write;
  Await<Result<>> finish() override;
  void close(Error why) override;
  bool ready() const override;
  size_t queued() const override;

  const SocketAddress& local() const;
  const SocketAddress& peer() const;
  int fd() const;

  // Totals since the connection was made.
  uint64_t bytes_read() const;
  uint64_t bytes_written() const;

  struct Impl;
  explicit TcpStream(Impl* impl) : impl_(impl) {}

 private:
  Impl* impl_;  // outlives this until libuv has closed the handle
};

// What connections need, of a TCP socket: on Linux a listening one hands it down to those it accepts.
void set_tcp_options(int fd);

// Connects, waiting at most `limit`. Errors (side upstream): refused, unreachable, timeout, exhausted.
Task<Result<std::unique_ptr<TcpStream>>> tcp_connect(SocketAddress to, milliseconds limit);

}  // namespace meshd
