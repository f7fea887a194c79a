// SPDX-License-Identifier: Apache-2.0
// inbound.h: the called node's side: mesh connections, the tunnels in them, and the requests in those.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "http/h2_server.h"
#include "http/server_group.h"
#include "net/tcp_stream.h"
#include "proxy/exchange.h"
#include "proxy/tunnel_authority.h"
#include "proxy/upstreams.h"
#include "tls/tls_stream.h"

namespace meshd {

class Inbound final : public LocalJoin {
 public:
  explicit Inbound(DataPlane& plane) : plane_(plane) {}

  // A connection on the mesh port, to its end: TLS with a proven peer, HTTP/2, CONNECT streams.
  Task<void> serve(std::unique_ptr<TcpStream> connection);
  // Ends the connections that `over` picks; gives how many.
  size_t cut(const std::function<bool(const TlsStream&)>& over, Error why);
  // A caller of this node: the same from the tunnel on.
  std::unique_ptr<ByteStream> join(const Peer& from, const TunnelTarget& target) override;

 private:
  DataPlane& plane_;
  std::map<ServerConnection*, TlsStream*> connections_;  // of the mesh port
};

// One caller's requests through one tunnel.
class InboundService final : public Service {
 public:
  InboundService(DataPlane& plane, const Peer& from, TunnelEnd end)
      : plane_(plane), from_(from), end_(std::move(end)) {}
  // authorize → send → relay → record
  Task<Result<Response>> call(Request& request) override;

 private:
  DataPlane& plane_;
  const Peer& from_;
  TunnelEnd end_;
};

}  // namespace meshd
