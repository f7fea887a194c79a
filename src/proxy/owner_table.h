// SPDX-License-Identifier: Apache-2.0
// owner_table.h: which local process is which workload, resolved from a snapshot's selectors on the control
// thread (it reads /etc/passwd and the cgroup tree), used by identify.cc on the data loops.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "net/socket_owner.h"
#include "snapshot/snapshot.h"
#include "tls/spiffe_id.h"

namespace meshd {

struct OwnerTable {
  std::unordered_map<uint64_t, SpiffeId> by_cgroup;  // units and cgroups
  std::unordered_map<uint32_t, SpiffeId> by_user;
  std::optional<SpiffeId> any_local;  // who every other local caller is
  SpiffeId node;                      // who a caller is that nothing names
  // Nothing to ask the kernel for.
  bool trivial() const { return by_cgroup.empty() && by_user.empty(); }

  // Cgroup first (it is the narrower claim), then user, then any_local, then the node. Never a neighbour.
  const SpiffeId& find(const std::optional<SocketOwner>& owner) const;
  friend bool operator==(const OwnerTable&, const OwnerTable&) = default;
};

// Reads `root`/etc/passwd and `root`/sys/fs/cgroup; "" in production. Selectors that match nothing now are left
// out: call it again later (units start and stop).
OwnerTable resolve_owners(const Snapshot& snapshot, std::string_view node, std::string_view trust_domain,
                          const std::string& root = {});

}  // namespace meshd
