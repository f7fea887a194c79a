// SPDX-License-Identifier: Apache-2.0
// mesh_client.h: the way to other nodes: one mTLS connection per (calling identity, called workload, node), and
// one HTTP/2 CONNECT stream per tunnel on it (HBONE). Belongs to one loop.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "http/h2_client.h"
#include "net/address.h"
#include "proxy/peer.h"
#include "snapshot/snapshot.h"
#include "tls/context.h"
#include "tls/tls_stream.h"

namespace meshd {

// With CONNECT a node says what the tunnel will carry, so that the far node need not look at the bytes.
inline constexpr std::string_view kCarriesField = "x-meshd-carries";  // "http" or "bytes"
std::string_view name_of(Carries carries);

// The far end of a tunnel.
struct TunnelTarget {
  SpiffeId workload;      // who must answer
  SocketAddress node;     // the node's mesh port
  std::string authority;  // "web:8080": the service and port on that node
  Carries carries = Carries::http;
  friend bool operator==(const TunnelTarget&, const TunnelTarget&) = default;
};

class MeshClients final : H2ClientObserver {
 public:
  MeshClients() = default;
  ~MeshClients();

  // Opens a tunnel as `from`, waiting at most `limit` for each of connect and the answer. 200 means that the far
  // node has taken it. Errors (side upstream): refused, unreachable, timeout, tls, identity, denied, draining;
  // (side self) identity: this node has no certificate for `from` yet.
  Task<Result<std::unique_ptr<ByteStream>>> open(TunnelTarget target, const Peer& from, milliseconds limit);

  // Tunnels opened from now on use these certificates; connections made with others are drained.
  void set_tls(std::shared_ptr<const TlsContext> client);
  void drain();
  void close(Error why);
  // Ends the connections that `over` picks; gives how many.
  size_t cut(const std::function<bool(const TlsStream&)>& over, Error why);
  size_t connections() const { return connections_.size() + retired_.size(); }

 private:
  struct Connecting {
    std::vector<Op<Result<>>*> waiters;
  };
  void h2_changed(H2Client& client) override;
  H2Client* available(const std::string& key);
  Task<Result<>> connect(std::string key, TunnelTarget target, SpiffeId from, milliseconds limit);
  void sweep();

  std::shared_ptr<const TlsContext> tls_;
  // By key_of(target, identity); a second connection is made when the first has no stream left.
  std::multimap<std::string, std::unique_ptr<H2Client>> connections_;
  std::vector<std::unique_ptr<H2Client>> retired_;  // drained: their last tunnels go on
  std::map<std::string, Connecting> connecting_;
};

}  // namespace meshd
