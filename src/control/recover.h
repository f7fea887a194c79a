// SPDX-License-Identifier: Apache-2.0
// recover.h: POST /v1/recover (protocol.h): a node whose own certificate has ended while no server was there comes back.
//
// Its expired certificate opens nothing: no handshake takes it, and what is asked here is whether the node still holds the
// key that this authority certified last for it. Only then does it get a certificate, for its own identity alone.
#pragma once
#include <functional>
#include <string>

#include "ca/authority.h"
#include "control/registry.h"
#include "control/state_dir.h"
#include "control/trust_desk.h"

namespace meshd {

inline constexpr UnixSeconds kRecoverSkew = 300;  // a proof is good for so long, either way

class RecoverDesk {
 public:
  struct Parts {
    store::Store& store;
    const Authority& authority;
    const Registry& registry;
    const TrustDesk& trust;
    const Clock& clock;
    SpiffeId server;
    std::function<UnixSeconds()> lifetime;  // of leaves; 0: the authority's own
  };
  explicit RecoverDesk(Parts parts) : parts_(std::move(parts)) {}

  // As CertificateDesk::issue answers. Errors: denied (one sentence for all that does not prove it), invalid_argument (the
  // CSR; clocks that differ too much), those of the store.
  Outcome<Json> recover(const Json& request, const std::string& from);

 private:
  Parts parts_;
};

// What a node sends: its expired chain, the request for the next, and a proof by the old key.
Outcome<Json> recovery_request(const Identity& expired, const std::string& csr, const std::string& server_id,
                               UnixSeconds now);

}  // namespace meshd
