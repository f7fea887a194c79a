// SPDX-License-Identifier: Apache-2.0
// authority.h: the mesh's certificate authority: which root signs, which roots are trusted, and the signing of leaves.
//
// DIR holds the first root (generation.h) and authority.json (rotation.h); each further root has a directory g2, g3, … in
// it. Belongs to the control thread.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ca/generation.h"
#include "ca/rotation.h"
#include "tls/trust_bundle.h"

namespace meshd {

class Authority {
 public:
  // Makes root and issuing certificate in `dir` (made with 0700 if missing). Errors: conflict if it has a root already.
  static Outcome<Authority> create(const std::string& dir, const std::string& trust_domain, UnixSeconds now,
                                   Lifetimes lifetimes = {}, SharedSeal seal = nullptr);
  // The same over a CA that was made elsewhere. Errors: also invalid_argument (generation.h).
  static Outcome<Authority> import(const std::string& dir, const std::string& trust_domain,
                                   const CaImport& import, UnixSeconds now, Lifetimes lifetimes = {},
                                   SharedSeal seal = nullptr);
  // Reads it back; a root rotation goes on where it stood. Errors: not_found, permission, invalid_argument, each naming
  // the file and what to do.
  static Outcome<Authority> load(const std::string& dir, UnixSeconds now, Lifetimes lifetimes = {},
                                 SharedSeal seal = nullptr);

  // A leaf for the key in `csr` (only the key is read from it), followed by what stands between it and the root.
  // Who may have `id` is for the caller to decide. `lifetime` 0 means the default. Errors: invalid_argument.
  Outcome<CertificateChain> sign(std::string_view csr, const SpiffeId& id, UnixSeconds now,
                                 UnixSeconds lifetime = 0) const;

  // Replaces the issuing certificate if it is past half its life; says whether it did. Leaves signed before stay
  // good: they carry their issuer. Errors: io; the old one stays in use.
  Outcome<bool> rotate_if_due(UnixSeconds now) { return active_.rotate_if_due(now); }
  Outcome<> rotate_issuing(UnixSeconds now) { return active_.rotate_issuing(now); }
  Outcome<std::string> request_issuing() { return active_.request_issuing(); }
  Outcome<> install_issuing(const CertificateChain& chain, UnixSeconds now) {
    return active_.install_issuing(chain, now);
  }
  void set_lifetimes(const Lifetimes& lifetimes);

  // ---- root rotation: each step is on disk when it returns without error, and nothing has changed when it fails
  const RotationState& rotation() const { return state_; }
  // Makes the next root, or takes the one given, and begins to distribute it. `force`: nodes that are away are not
  // waited for. Errors: conflict (one is under way), those of generation.h.
  Outcome<> begin_rotation(UnixSeconds now, bool force, const CaImport* given = nullptr);
  // The phase is over: on to the next. Errors: conflict (none is under way).
  Outcome<> advance_rotation(UnixSeconds now);
  Outcome<> force_rotation();
  // Back to the root that signs, as long as the next one does not. Errors: conflict.
  Outcome<> abort_rotation(UnixSeconds now);

  const std::string& trust_domain() const { return state_.trust_domain; }
  const Certificate& root() const { return active_.root(); }
  const Certificate& issuing() const { return active_.issuing(); }
  bool has_root_key() const { return active_.has_root_key(); }
  bool is_sealed() const { return seal_ != nullptr; }
  std::string pin() const { return active_.pin(); }
  // Of the root that is coming (distribute), or of the one that goes (switching, renew); empty: there is none.
  std::string other_pin() const { return other_ ? pin_of(*other_) : std::string(); }
  // What nodes are to trust now: the root that signs first.
  const TrustBundle& bundle() const { return bundle_; }
  // The roots that the control port shows, for machines that join with a token of either.
  std::vector<Certificate> shown_roots() const;

 private:
  Authority(std::string dir, RotationState state, Generation active, SharedSeal seal);
  Outcome<> settle(RotationState state, UnixSeconds now);
  std::string place(const std::string& name) const { return name.empty() ? dir_ : dir_ + "/" + name; }

  std::string dir_;
  SharedSeal seal_;
  Lifetimes lifetimes_;
  RotationState state_;
  Generation active_;
  std::optional<Generation> next_;    // distribute
  std::optional<Certificate> other_;  // distribute: the next root; switching, renew: the one before
  std::optional<Certificate> cross_;  // switching, renew: the active root, vouched for by the one before
  TrustBundle bundle_;
};

}  // namespace meshd
