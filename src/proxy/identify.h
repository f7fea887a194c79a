// SPDX-License-Identifier: Apache-2.0
// identify.h: which workload a local connection comes from.
#pragma once
#include <string>
#include <unordered_map>

#include "net/cgroup_tree.h"
#include "net/tcp_stream.h"
#include "proxy/loop_snapshot.h"

namespace meshd {

// What one thread knows of cgroups. A cgroup's path never changes and its id is not used again, so nothing here ages.
class CgroupNames {
 public:
  // Null: no such cgroup (any more), or not to be told.
  const std::string* path_of(uint64_t id);
  CgroupTree& tree() { return tree_; }

 private:
  CgroupTree tree_;
  std::unordered_map<uint64_t, std::string> paths_;
};
// Remembered at once; beyond them all are forgotten and asked for again.
inline constexpr size_t kCgroupsKnown = 4'096;

// One kernel query per connection, none where no selector needs it, and one look at the cgroup tree per cgroup that was
// not seen before: a unit that was restarted is known by its first connection. The answer holds for the connection's life.
Identified identify(const TcpStream& connection, const OwnerTable& owners, CgroupNames& cgroups);

}  // namespace meshd
