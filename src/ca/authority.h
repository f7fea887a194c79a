// SPDX-License-Identifier: Apache-2.0
// authority.h: the mesh's certificate authority: root, issuing certificate, and the signing of leaves.
//
// DIR holds root.crt, root.key, issuing.crt, issuing.key; keys are 0600 and refused when they are open to others.
// root.key may be kept elsewhere: then leaves are signed as before and the issuing certificate is not rotated.
// Belongs to the control thread.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "tls/certificate.h"
#include "tls/issue.h"
#include "tls/spiffe_id.h"
#include "tls/trust_bundle.h"

namespace meshd {

// How long certificates live. Tests go down to seconds.
struct Lifetimes {
  UnixSeconds root = kRootLifetime;
  UnixSeconds issuing = kIssuingLifetime;
  UnixSeconds leaf = kLeafLifetime;
};

class Authority {
 public:
  // Makes root and issuing certificate in `dir` (made with 0700 if missing). Errors: conflict if it has a root already.
  static Outcome<Authority> create(const std::string& dir, const std::string& trust_domain, UnixSeconds now,
                                   Lifetimes lifetimes = {});
  // Reads them back. The trust domain is the one in the root. A crash between the two files of a rotation is mended.
  // Errors: not_found, permission, invalid_argument, each naming the file and what to do.
  static Outcome<Authority> load(const std::string& dir, UnixSeconds now, Lifetimes lifetimes = {});

  // A leaf for the key in `csr` (only the key is read from it), followed by the issuing certificate.
  // Who may have `id` is for the caller to decide. `lifetime` 0 means the default. Errors: invalid_argument.
  Outcome<CertificateChain> sign(std::string_view csr, const SpiffeId& id, UnixSeconds now,
                                 UnixSeconds lifetime = 0) const;

  // Replaces the issuing certificate if it is past half its life; says whether it did. Leaves signed before stay
  // good: they carry their issuer. Errors: io; the old one stays in use.
  Outcome<bool> rotate_if_due(UnixSeconds now);

  const std::string& trust_domain() const { return trust_domain_; }
  const Certificate& root() const { return root_; }
  const Certificate& issuing() const { return issuing_.certificate; }
  bool has_root_key() const { return root_key_ != nullptr; }
  const TrustBundle& bundle() const { return bundle_; }
  std::string pin() const { return pin_of(root_); }

 private:
  Authority(std::string dir, std::string trust_domain, Certificate root,
            std::shared_ptr<const KeyPair> root_key, Issuer issuing, TrustBundle bundle, Lifetimes lifetimes);
  std::string dir_;
  std::string trust_domain_;
  Certificate root_;
  std::shared_ptr<const KeyPair> root_key_;  // null: kept elsewhere
  Issuer issuing_;
  TrustBundle bundle_;
  Lifetimes lifetimes_;
};

}  // namespace meshd
