// SPDX-License-Identifier: Apache-2.0
// socket_owner.h: which local process's user and cgroup owns a TCP socket of this network namespace.
//
// Each question is one sock_diag query (man 7 sock_diag): two system calls, a few µs, no privilege needed. One
// descriptor a thread is kept for it. A user and a cgroup are those of whoever made the socket.
#pragma once
#include <cstdint>
#include <expected>

#include "net/address.h"

namespace meshd {

struct SocketOwner {
  uint32_t uid = 0;
  uint64_t cgroup = 0;  // cgroup v2 id (the inode of its directory); 0: the kernel does not tell
  uint64_t cookie = 0;  // the kernel's number of this socket, never used again
  friend bool operator==(const SocketOwner&, const SocketOwner&) = default;
};

// Why nobody is named.
enum class NoOwner : uint8_t {
  gone,  // no such socket, or one that its program has closed: a closed one shows user 0, whoever it was
  unavailable,  // the question could not be asked
};
using OwnerAnswer = std::expected<SocketOwner, NoOwner>;

// Of the client's own end: bound to `source` and connected to `destination`, so source is what accept() saw as the
// peer. `accepted`: the descriptor of our end. While that is connected nobody else can have these addresses, so the
// answer is about who made this connection; once it is reset the answer is `gone`.
OwnerAnswer find_caller(const SocketAddress& source, const SocketAddress& destination, int accepted);

// Of the far end of a connection that we made, from `ours` to `at`, taken by its program or still waiting to be. Its
// cgroup is the listening socket's that it came through. The user is not told: it is known only once it is taken.
OwnerAnswer find_server(const SocketAddress& at, const SocketAddress& ours);

// Of the socket that takes connections to `at`; one of them where several share the port (they have one user).
OwnerAnswer find_listener(const SocketAddress& at);

// What this kernel and our rights to it allow. Asked anew each time; cheap.
struct OwnerSupport {
  bool queries = true;  // sock_diag answers
  bool cgroups = true;  // and names cgroups (INET_DIAG_CGROUP_ID, kernel 5.8)
};
OwnerSupport owner_support();

}  // namespace meshd
