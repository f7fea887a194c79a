// SPDX-License-Identifier: Apache-2.0
// join_mesh.h: how a new machine becomes a node: the other end of POST /v1/join.
//
// The server is checked against the token's pin before the token's secret is said; the key is made here; the state
// directory is filled whole or not at all.
#pragma once
#include <optional>
#include <string>

#include "base/clock.h"
#include "ca/token.h"
#include "control/state_dir.h"
#include "net/address.h"

namespace meshd {

struct JoinOrder {
  JoinToken token;
  std::optional<SocketAddress> server;  // where to dial; none: what the token says
  std::string node;
  std::string address;  // where other nodes reach this one, an IP
  uint16_t mesh_port = kMeshPort;
  std::string zone;
  std::string version;
};

// Runs a loop of its own on this thread. What is in `state` afterwards is a node that can run. Errors: conflict (a node
// is there already, or the name is taken), identity (another server than the token's; nothing of it was sent), denied (the
// token), unreachable, refused, timeout, permission, io: one sentence each, and nothing is left behind.
Outcome<NodeFile> join_mesh(const StateDir& state, JoinOrder order, const Clock& clock);

}  // namespace meshd
