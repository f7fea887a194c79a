// SPDX-License-Identifier: Apache-2.0
// tunnel_authority.h: what the :authority of a CONNECT between nodes names (RFC 9113 section 8.5). Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "snapshot/snapshot.h"

namespace meshd {

// What a tunnel leads to: a service on this node and the port of one of its instances.
struct TunnelEnd {
  std::string service;
  uint16_t port = 0;
};

// "web:8080", or "10.0.0.2:8080" for the one service at that port on `node`. The service may be unknown, then it is
// what was asked for, or empty for an address that leads to none: whoever opens the tunnel looks it up and refuses.
// nullopt: not host:port, or no port of 1 to 65535.
std::optional<TunnelEnd> parse_tunnel(std::string_view authority, const Snapshot& snapshot,
                                      std::string_view node);

}  // namespace meshd
