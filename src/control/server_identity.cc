// SPDX-License-Identifier: Apache-2.0
#include "control/server_identity.h"

#include "base/log.h"
#include "base/random.h"
#include "ca/lifecycle.h"
#include "control/server_state.h"
#include "tls/digest.h"

namespace meshd {
namespace {

// The issuing certificate lives much longer than this; a failure is logged so often.
constexpr UnixSeconds kIssuingLookAgain = 60;

double jitter() { return static_cast<double>(static_cast<unsigned char>(random_bytes(1)[0])) / 256.0; }

bool usable(const Outcome<Identity>& identity, const SpiffeId& id, UnixSeconds now) {
  return identity && identity->id == id &&
         state_of(validity_of(identity->chain.leaf()), now) != CertState::expired;
}

}  // namespace

Outcome<std::unique_ptr<ServerIdentity>> ServerIdentity::load(Parts parts) {
  auto identity = load_identity(parts.state, kServerIdentity);
  // A key that others can read is for a person to look at; everything else is mended.
  if (!identity && identity.error().code == Errc::permission) return fail(std::move(identity.error()));
  if (!usable(identity, parts.id, parts.clock.unix_now())) {
    if (!identity) log::warn("the server's certificate is made anew", {{"because", identity.error().what}});
    identity = make_identity(parts.store, parts.authority, parts.clock, parts.id, parts.lifetime());
    if (!identity) return fail(std::move(identity.error()));
    if (auto ok = save_identity(parts.state, kServerIdentity, *identity); !ok)
      return fail(std::move(ok.error()));
  }
  std::unique_ptr<ServerIdentity> self(new ServerIdentity(std::move(parts), *identity));
  if (auto ok = self->use(std::move(*identity)); !ok) return fail(std::move(ok.error()));
  return self;
}

Outcome<> ServerIdentity::use(Identity identity) {
  TlsSettings settings;
  settings.identities = {identity};
  // Who joins knows the root's fingerprint and nothing else: the root itself has to come along.
  for (const Certificate& root : parts_.authority.shown_roots()) settings.identities.front().chain.push(root);
  settings.bundle = parts_.authority.bundle();
  settings.denied = denied_;
  settings.check = PeerCheck::svid_if_given;
  settings.alpn = {"h2"};
  settings.clock = &parts_.clock;
  auto context = TlsContext::server(std::move(settings));
  if (!context)
    return fail(context.error().code,
                std::string("cannot use the server's certificate: ") + context.error().why);
  context_ = std::move(*context);
  bool same = identity.chain.leaf() == identity_.chain.leaf() && renew_at_ != 0;
  identity_ = std::move(identity);
  if (same) return {};
  renew_at_ = renew_at(validity_of(certificate()), jitter());
  failures_ = 0;
  return {};
}

Outcome<> ServerIdentity::trust_changed(std::shared_ptr<const DenyList> denied) {
  denied_ = std::move(denied);
  return use(identity_);
}

void ServerIdentity::tick() {
  UnixSeconds now = parts_.clock.unix_now();
  if (now >= look_at_issuing_) look_at_issuing(now);
  if (now < renew_at_) return;
  if (auto ok = renew(false); !ok) {
    renew_at_ = retry_at(validity_of(certificate()), now, ++failures_, jitter());
    log::error("cannot renew the server's certificate",
               {{"error", ok.error().what}, {"expires", format_time(certificate().not_after())}});
  }
}

void ServerIdentity::look_at_issuing(UnixSeconds now) {
  look_at_issuing_ = now + kIssuingLookAgain;
  auto rotated = parts_.authority.rotate_if_due(now);
  if (!rotated)
    log::error("cannot rotate the issuing certificate", {{"error", rotated.error().what}});
  else if (*rotated)
    log::info("issuing certificate rotated",
              {{"serial", parts_.authority.issuing().serial()},
               {"expires", format_time(parts_.authority.issuing().not_after())}});
}

Outcome<> ServerIdentity::renew(bool early) {
  UnixSeconds now = parts_.clock.unix_now();
  auto next = make_identity(parts_.store, parts_.authority, parts_.clock, parts_.id, parts_.lifetime());
  if (!next) return fail(std::move(next.error()));
  Validity validity = validity_of(next->chain.leaf());
  if (early ? !is_valid(validity, now) : !may_replace(validity_of(certificate()), validity, now))
    return fail(Errc::internal, "the new certificate would not last longer than the one in use");
  if (auto ok = save_identity(parts_.state, kServerIdentity, *next); !ok) return ok;
  if (auto ok = use(std::move(*next)); !ok) return ok;
  log::info("server's certificate renewed", {{"expires", format_time(certificate().not_after())}});
  return {};
}

Outcome<bool> revive_node_identity(const StateDir& state, const Clock& clock) {
  if (!state.is_server()) return false;
  auto node = load_node_file(state);
  if (!node) return fail(std::move(node.error()));
  SpiffeId id = node_id(node->trust_domain, node->node);
  auto identity = load_identity(state, kNodeIdentity);
  if (!identity && identity.error().code == Errc::permission) return fail(std::move(identity.error()));
  if (usable(identity, id, clock.unix_now())) return false;
  auto authority = Authority::load(state.ca(), clock.unix_now(), {}, state.seal());
  if (!authority) return fail(std::move(authority.error()));
  auto store = store::Store::open(state.database(), clock, sha256_hex);
  if (!store) return fail(std::move(store.error()));
  auto next = make_identity(**store, *authority, clock, id, 0);
  if (!next) return fail(std::move(next.error()));
  if (auto ok = save_identity(state, kNodeIdentity, *next); !ok) return fail(std::move(ok.error()));
  log::info("the node's certificate had expired and was made anew", {{"node", node->node}});
  return true;
}

}  // namespace meshd
