// SPDX-License-Identifier: Apache-2.0
// socket_owner.h: which local process's user and cgroup owns the other end of an accepted local connection.
#pragma once
#include <cstdint>
#include <optional>

#include "net/address.h"

namespace meshd {

struct SocketOwner {
  uint32_t uid = 0;
  uint64_t cgroup = 0;  // cgroup v2 id (the inode of its directory); 0: the kernel does not tell
};

// One sock_diag query (man 7 sock_diag) for the socket that is bound to `source` and connected to `destination`:
// the client's own end, so source is what accept() saw as the peer. Nothing where no such socket is here.
// Costs two system calls, about 10 µs; needs no privilege. One descriptor a thread is kept for it.
std::optional<SocketOwner> find_socket_owner(const SocketAddress& source, const SocketAddress& destination);

}  // namespace meshd
