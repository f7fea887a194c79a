// SPDX-License-Identifier: Apache-2.0
// identify.cc: stage 2 of 8. Who calls?
// Reads the accepted connection and the owner table. The identity is the workload's that owns the other end of the
// connection; nobody's neighbour's, and the node's own where nothing claims it.
#include "proxy/identify.h"

#include "net/socket_owner.h"

namespace meshd {

const std::string* CgroupNames::path_of(uint64_t id) {
  if (auto it = paths_.find(id); it != paths_.end()) return &it->second;
  auto path = tree_.path_of(id);
  if (!path) return nullptr;
  if (paths_.size() >= kCgroupsKnown) paths_.clear();
  return &paths_.emplace(id, std::move(*path)).first->second;
}

Identified identify(const TcpStream& connection, const OwnerTable& owners, CgroupNames& cgroups) {
  if (owners.trivial()) return owners.find(std::unexpected(NoOwner::gone), nullptr);
  // The client's own socket has our local address as its peer.
  OwnerAnswer owner = find_caller(connection.peer(), connection.local(), connection.fd());
  return owners.find(owner, owner ? cgroups.path_of(owner->cgroup) : nullptr);
}

}  // namespace meshd
