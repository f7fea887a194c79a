// SPDX-License-Identifier: Apache-2.0
// owner_report.h: how this node's workloads are told apart, for `meshd status`, and what stands in the way of that, for
// `meshd check`. On the control thread: it looks at the machine as it is now.
#pragma once
#include <string>

#include "base/check_list.h"
#include "proxy/port_guard.h"

namespace meshd {

struct OwnersNow {
  const Snapshot& snapshot;
  std::string_view node;
  const OwnerTable& owners;
  CgroupNames& cgroups;
  PortGuard& guard;
};

// [{"service","port","identified_by","selector","matches","now","port_owner","at"}]: `matches` is whether the selector
// fits something on this machine now, `now` says what; `port_owner` is there where a stranger has the port.
Json workloads_json(const OwnersNow& look);

// Looks at:
//   identity.kernel        sock_diag answers and names cgroups
//   identity.cgroup-tree   the unified hierarchy is mounted
//   identity.cgroup-names  cgroups are named by handle, not by walks
//   identity.cost          of telling who calls, per new connection, at most kIdentifyCost
//   identity.selector      each unit, cgroup and user of the file is there
//   identity.shared        no two services claim the same processes
//   identity.port          each declared port is the declared program's
CheckList owner_checks(const OwnersNow& look);

inline constexpr std::chrono::microseconds kIdentifyCost{20};

}  // namespace meshd
