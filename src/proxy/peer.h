// SPDX-License-Identifier: Apache-2.0
// peer.h: identities as one loop sees them: each made once, then passed and compared by address.
#pragma once
#include <memory>
#include <string>
#include <unordered_map>

#include "tls/spiffe_id.h"

namespace meshd {

// A proven identity: of a local caller, or of the other end of a mesh connection.
struct Peer {
  SpiffeId id;
  std::string uri;   // "spiffe://edge.mesh/ns/default/sa/web"; empty: nobody
  std::string text;  // "service/web", "node/n1": for metrics and people
};

class PeerTable {
 public:
  explicit PeerTable(std::string trust_domain) : trust_domain_(std::move(trust_domain)) {}
  // The one Peer of this identity; lives as long as the table.
  const Peer& intern(const SpiffeId& id);

 private:
  std::string trust_domain_;
  std::unordered_map<std::string, std::unique_ptr<Peer>> peers_;
};

}  // namespace meshd
