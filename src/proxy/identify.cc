// SPDX-License-Identifier: Apache-2.0
// identify.cc: stage 2 of 8. Who calls?
// Reads the accepted connection and the owner table. The identity is the workload's that owns the other end of the
// connection; nobody's neighbour's, and the node's own where nothing claims it.
#include "proxy/identify.h"

#include "net/socket_owner.h"

namespace meshd {

const Peer& identify(const TcpStream& connection, const OwnerTable& owners, PeerTable& peers) {
  std::optional<SocketOwner> owner;
  // The client's own socket has our local address as its peer.
  if (!owners.trivial()) owner = find_socket_owner(connection.peer(), connection.local());
  return peers.intern(owners.find(owner));
}

}  // namespace meshd
