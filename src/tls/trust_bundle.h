// SPDX-License-Identifier: Apache-2.0
// trust_bundle.h: the roots that vouch for one trust domain. Several at once while roots rotate.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tls/certificate.h"

namespace meshd {

class TrustBundle {
 public:
  // Roots must be CA certificates; at most kRootsMax, repeated ones count once.
  // Errors: invalid_argument (no root, not a CA, bad trust domain), limit.
  static Result<TrustBundle> make(std::string trust_domain, std::vector<Certificate> roots);
  static Result<TrustBundle> from_pem(std::string trust_domain, std::string_view pem);

  std::string to_pem() const;
  const std::string& trust_domain() const { return trust_domain_; }
  const std::vector<Certificate>& roots() const { return roots_; }
  bool contains(const Certificate& root) const;

 private:
  TrustBundle(std::string trust_domain, std::vector<Certificate> roots)
      : trust_domain_(std::move(trust_domain)), roots_(std::move(roots)) {}
  std::string trust_domain_;
  std::vector<Certificate> roots_;
};

inline constexpr size_t kRootsMax = 8;  // the old, the new, and imports; each costs a try per unknown chain

// "sha256:" and the hex fingerprint: what a join token carries to name the root.
std::string pin_of(const Certificate& root);
// The bundle of the one certificate in `chain` that `pin` names. Errors: identity when none does.
Result<TrustBundle> pinned_bundle(const CertificateChain& chain, std::string_view pin,
                                  std::string trust_domain);

}  // namespace meshd
