// SPDX-License-Identifier: Apache-2.0
// server_identity.h: what the control port shows of itself: made and renewed by this server, which holds the authority.
#pragma once
#include <functional>
#include <memory>

#include "ca/authority.h"
#include "control/state_dir.h"
#include "store/store.h"
#include "tls/context.h"

namespace meshd {

class ServerIdentity {
 public:
  struct Parts {
    StateDir state;
    store::Store& store;
    Authority& authority;
    const Clock& clock;
    SpiffeId id;
    std::function<UnixSeconds()> lifetime;  // of a new certificate; 0: the authority's own
  };
  // Reads the identity back, or makes a new one where it is missing, damaged or expired.
  static Outcome<std::unique_ptr<ServerIdentity>> load(Parts parts);

  // Once per second: rotates the issuing certificate and renews this one when they are due. A failure is logged and
  // tried again; what is in use stays.
  void tick();
  // A new certificate now, whatever the present one's age: the root has changed, or somebody asks.
  Outcome<> renew(bool early = true);

  // For connections from now on.
  const std::shared_ptr<const TlsContext>& context() const { return context_; }
  const Certificate& certificate() const { return identity_.chain.leaf(); }
  const Identity& identity() const { return identity_; }
  // What was revoked, or the roots, are others than before: connections from now on heed that.
  Outcome<> trust_changed(std::shared_ptr<const DenyList> denied);

 private:
  explicit ServerIdentity(Parts parts, Identity identity)
      : parts_(std::move(parts)), identity_(std::move(identity)) {}
  Outcome<> use(Identity identity);
  void look_at_issuing(UnixSeconds now);

  Parts parts_;
  Identity identity_;
  std::shared_ptr<const TlsContext> context_;
  std::shared_ptr<const DenyList> denied_;
  UnixSeconds renew_at_ = 0;
  UnixSeconds look_at_issuing_ = 0;
  uint32_t failures_ = 0;
};

// A server that was off for longer than its node's certificate lives: nobody else could renew that. Signs a new one with
// the local authority if the node's is expired or gone, and says whether it did. Call before the node reads its
// identities, while no ControlServer runs. Errors: those of authority, store and files.
Outcome<bool> revive_node_identity(const StateDir& state, const Clock& clock);

}  // namespace meshd
