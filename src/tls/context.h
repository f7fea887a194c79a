// SPDX-License-Identifier: Apache-2.0
// context.h: what a side of TLS brings along: its identities, whom it trusts, and which protocols it speaks.
//
// A context never changes and may be used by every loop at once. A renewed certificate or a new bundle makes a new
// context; connections keep the one they began with.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "tls/certificate.h"
#include "tls/deny_list.h"
#include "tls/key_pair.h"
#include "tls/spiffe_id.h"
#include "tls/trust_bundle.h"

namespace meshd {

// A name, the certificates that prove it, and their key.
struct Identity {
  SpiffeId id;
  std::shared_ptr<const KeyPair> key;
  CertificateChain chain;  // leaf first; begins with a leaf for `key`
};

// What the peer has to show. TLS 1.3 always; there is no setting that skips the check of a given certificate.
enum class PeerCheck : uint8_t {
  svid,           // an SVID that verify_svid accepts
  svid_if_given,  // servers, for nodes that join: none, or one that verify_svid accepts
  pin,  // clients that join: a chain that contains the pinned root and that verify_svid accepts under it
  name,  // clients of servers outside the mesh: a chain under one of `roots` for the host that is asked for (RFC 9525)
};

struct TlsSettings {
  std::vector<Identity>
      identities;  // the first is the default; only a client with `pin` or `name` may have none
  std::optional<TrustBundle> bundle;  // unless `check` is pin or name
  PeerCheck check = PeerCheck::svid;
  std::string pin;           // for PeerCheck::pin: "sha256:<hex>"
  std::string trust_domain;  // for PeerCheck::pin
  std::string roots;  // for PeerCheck::name: PEM, such as the system's; what cannot be read is left out
  std::shared_ptr<const DenyList> denied;  // what was revoked; null: nothing
  std::vector<std::string> alpn;           // in order of preference; none: no ALPN
  const Clock* clock = &Clock::system();   // outlives the context
  UnixSeconds ahead =
      0;  // how far in the future a peer's certificate may begin: more than 0 where no clock was set
};

class TlsContext {
 public:
  // Errors: invalid_argument (a key that does not belong to its certificate, no identity, no bundle).
  static Result<std::shared_ptr<const TlsContext>> server(TlsSettings settings);
  static Result<std::shared_ptr<const TlsContext>> client(TlsSettings settings);

  const TlsSettings& settings() const;
  // The identity that has this id; null if there is none.
  const Identity* identity(const SpiffeId& id) const;

  struct Impl;
  explicit TlsContext(std::unique_ptr<Impl> impl);
  ~TlsContext();
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace meshd
