// SPDX-License-Identifier: Apache-2.0
// verify_svid.h: is this peer who it says, and the one we expect? The only place where that is decided.
//
// mbedTLS builds the path and checks its signatures; everything that makes a certificate an X509-SVID is checked
// here, because the library alone accepts 21 of 31 malformed ones. Inside a handshake the same code runs as
// the library's callback (svid_check.h), before anything of ours is sent to the peer.
#pragma once
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "tls/certificate.h"
#include "tls/deny_list.h"
#include "tls/spiffe_id.h"
#include "tls/trust_bundle.h"

namespace meshd {

// The peer's part in the handshake.
enum class PeerRole : uint8_t { server, client };

struct Expectations {
  UnixSeconds now = 0;
  PeerRole role = PeerRole::server;
  // Who the peer may be; empty: anyone of the bundle's trust domain.
  std::vector<SpiffeId> ids;
  const DenyList* denied = nullptr;  // null: nothing was revoked
  UnixSeconds ahead = 0;             // certificates may begin so much later than `now`
};

// The id of the chain's leaf, if all of this holds:
// - the chain ends in a root of `bundle`, with SHA-256 or better and keys of P-256, P-384 or RSA from 2048 bits;
// - every certificate on it is valid at `now` (or begins at most `ahead` later); every CA may sign certificates and keeps its path length;
// - the leaf has exactly one URI SAN, a canonical SPIFFE id of the bundle's trust domain; is no CA; may sign
//   digitally but not certificates; carries the extended key usage of its role;
// - neither the leaf's serial, its id, nor the serial of a CA on the path is denied;
// - the id is one of those expected.
// Errors: identity, naming the first thing that does not hold.
Result<SpiffeId> verify_svid(const CertificateChain& chain, const TrustBundle& bundle,
                             const Expectations& expect);

}  // namespace meshd
