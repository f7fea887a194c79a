// SPDX-License-Identifier: Apache-2.0
// outbound.h: connections of local callers: to a service's own port, or to the port that routes by Host.
#pragma once
#include <memory>
#include <string>

#include "net/tcp_stream.h"
#include "proxy/exchange.h"
#include "snapshot/snapshot.h"

namespace meshd {

class ServerGroup;

// What an explicit listener stands for.
struct OutboundPort {
  std::string service;  // by name, looked up per request: it may change; empty: the Host field names it
  Carries carries = Carries::http;
  std::string label;  // for metrics: "web:9001", "http:15080"
};

// Serves one accepted connection to its end.
Task<void> serve_outbound(DataPlane& plane, std::unique_ptr<TcpStream> connection, OutboundPort port);

// One caller's requests through one connection.
class OutboundService final : public Service {
 public:
  OutboundService(DataPlane& plane, const Peer& from, std::string client_ip, const OutboundPort& port)
      : plane_(plane), from_(from), client_ip_(std::move(client_ip)), port_(port) {}
  // accept → identify → decide → balance → send → relay → record
  Task<Result<Response>> call(Request& request) override;

 private:
  const ServiceEntry* find_service(const Snapshot& snapshot, const Request& request) const;

  DataPlane& plane_;
  const Peer& from_;
  std::string client_ip_;
  const OutboundPort& port_;
};

}  // namespace meshd
