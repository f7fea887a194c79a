// SPDX-License-Identifier: Apache-2.0
// listener.h: a listening socket on one loop. Several loops listen on one address with SO_REUSEPORT and
// the kernel spreads connections over them.
#pragma once
#include <functional>
#include <memory>

#include "net/tcp_stream.h"

namespace meshd {

class Listener {
 public:
  using Accept = std::function<void(std::unique_ptr<TcpStream>)>;

  // Binds and listens now; errors carry a sentence: "127.0.0.1:80 is in use by another program".
  // A Unix socket's stale file is replaced if nobody answers on it; its mode is 0660.
  static Outcome<std::unique_ptr<Listener>> open(const SocketAddress& at, Accept accept);
  ~Listener();
  // Stops accepting; established connections stay.
  void close();
  const SocketAddress& local() const;

  struct Impl;
  explicit Listener(Impl* impl) : impl_(impl) {}

 private:
  Impl* impl_;
};

// SO_REUSEPORT lets a second program of the same user share a port unnoticed. This binds without it once,
// so that a foreign listener is found. Call before the first Listener of an address.
Outcome<> check_port_free(const SocketAddress& at);

}  // namespace meshd
