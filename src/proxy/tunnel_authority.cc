// SPDX-License-Identifier: Apache-2.0
#include "proxy/tunnel_authority.h"

#include "http/semantics.h"
#include "net/address.h"

namespace meshd {

std::optional<TunnelEnd> parse_tunnel(std::string_view authority, const Snapshot& snapshot,
                                      std::string_view node) {
  auto asked = parse_authority(authority);
  if (!asked || asked->port.value_or(0) == 0) return std::nullopt;
  TunnelEnd end{{}, *asked->port};
  if (!SocketAddress::parse(authority)) {
    const ServiceEntry* s = snapshot.service_for_host(asked->host);
    end.service = s ? s->name : std::string(asked->host);
    return end;
  }
  for (const Workload& w : snapshot.workloads_on(node)) {
    if (w.endpoint == nullptr || w.endpoint->port != end.port) continue;
    end.service = w.service->name;
    return end;
  }
  return end;
}

}  // namespace meshd
