// SPDX-License-Identifier: Apache-2.0
#include "tls/trust_bundle.h"

#include <algorithm>

#include "tls/digest.h"
#include "tls/spiffe_id.h"

namespace meshd {

Result<TrustBundle> TrustBundle::make(std::string trust_domain, std::vector<Certificate> roots) {
  if (!valid_trust_domain(trust_domain))
    return fail(Errc::invalid_argument, Side::self, "the trust domain is not 1 to 255 of [a-z0-9._-]");
  std::vector<Certificate> unique;
  for (Certificate& root : roots) {
    if (!root.is_ca())
      return fail(Errc::invalid_argument, Side::self, "a certificate of the trust bundle is not a CA");
    if (std::ranges::find(unique, root) == unique.end()) unique.push_back(std::move(root));
  }
  if (unique.empty()) return fail(Errc::invalid_argument, Side::self, "the trust bundle is empty");
  if (unique.size() > kRootsMax)
    return fail(Errc::limit, Side::self, "more than 8 roots in one trust bundle");
  return TrustBundle(std::move(trust_domain), std::move(unique));
}

Result<TrustBundle> TrustBundle::from_pem(std::string trust_domain, std::string_view pem) {
  auto chain = CertificateChain::from_pem(pem);
  if (!chain) return fail(chain.error());
  return make(std::move(trust_domain), chain->certificates());
}

std::string TrustBundle::to_pem() const { return CertificateChain(roots_).to_pem(); }

bool TrustBundle::contains(const Certificate& root) const {
  return std::ranges::find(roots_, root) != roots_.end();
}

std::string pin_of(const Certificate& root) { return "sha256:" + root.fingerprint(); }

Result<TrustBundle> pinned_bundle(const CertificateChain& chain, std::string_view pin,
                                  std::string trust_domain) {
  for (const Certificate& c : chain.certificates())
    if (equal_constant_time(pin_of(c), pin)) return TrustBundle::make(std::move(trust_domain), {c});
  return fail(Errc::identity, Side::self,
              "the server's certificates do not contain the CA that the token names");
}

}  // namespace meshd
