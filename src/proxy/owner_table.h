// SPDX-License-Identifier: Apache-2.0
// owner_table.h: which local process is which workload: what a snapshot's selectors say, as rules about a user and a
// cgroup's path. Made on the control thread (it reads /etc/passwd); asked by identify.cc and port_guard.cc. Pure.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "net/socket_owner.h"
#include "snapshot/snapshot.h"
#include "tls/spiffe_id.h"

namespace meshd {

// Who a process has to be. What is given must all hold.
struct OwnerClaim {
  std::string unit;    // "web.service": its cgroup, in whichever slice, and all below
  std::string cgroup;  // "/a/b": it and all below
  std::string user;    // as the file has it
  std::optional<uint32_t> uid;
  std::string service;
  SpiffeId id;
  SourcePos at;

  bool by_cgroup() const { return !unit.empty() || !cgroup.empty(); }
  // How much of `path` the claim names, 1 for a user alone; 0: it does not hold. `path` is null where it is not known.
  size_t fits(uint32_t uid, const std::string* path) const;
  std::string text() const;  // "unit web.service, user www"
  friend bool operator==(const OwnerClaim& a, const OwnerClaim& b) {
    return a.unit == b.unit && a.cgroup == b.cgroup && a.user == b.user && a.uid == b.uid && a.id == b.id &&
           a.at.line == b.at.line && a.at.column == b.at.column;
  }
};

// How a caller came to its identity; the names are labels of a metric.
enum class IdentifiedBy : uint8_t {
  unit,
  cgroup,
  user,
  any_local,
  nobody,     // no selector holds
  ambiguous,  // selectors of several services hold alike
  gone,       // it had closed its end before it was asked for
  unknown,    // the kernel could not be asked
};
std::string_view name_of(IdentifiedBy by);

struct Identified {
  const SpiffeId& id;
  IdentifiedBy by;
};

struct OwnerTable {
  std::vector<OwnerClaim> claims;
  std::unordered_map<EndpointId, size_t> ports;  // whose listener must be whose: index into claims
  std::optional<SpiffeId> any_local;             // who every other local caller is
  SpiffeId node;                                 // who a caller is that nothing names
  // Nothing to ask the kernel for.
  bool trivial() const { return claims.empty(); }
  const OwnerClaim* claim_on(EndpointId endpoint) const;

  // The narrowest claim that holds: the longest cgroup, then with a user, then a user alone; then any_local, then the
  // node. Two services with one claim: the node. What cannot be told apart is never a neighbour.
  Identified find(const OwnerAnswer& owner, const std::string* path) const;
  friend bool operator==(const OwnerTable&, const OwnerTable&) = default;
};

// Reads `root`/etc/passwd; "" in production. Users that do not exist fit nobody.
OwnerTable resolve_owners(const Snapshot& snapshot, std::string_view node, std::string_view trust_domain,
                          const std::string& root = {});

}  // namespace meshd
