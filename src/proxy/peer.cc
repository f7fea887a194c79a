// SPDX-License-Identifier: Apache-2.0
#include "proxy/peer.h"

#include "snapshot/identity.h"

namespace meshd {

const Peer& PeerTable::intern(const SpiffeId& id) {
  std::string uri = id.uri();
  std::unique_ptr<Peer>& slot = peers_[uri];
  if (!slot) slot = std::make_unique<Peer>(Peer{id, uri, principal_text(trust_domain_, uri)});
  return *slot;
}

}  // namespace meshd
