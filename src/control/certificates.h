// SPDX-License-Identifier: Apache-2.0
// certificates.h: POST /v1/certificates (protocol.h): a node gets its own identity and those of the services that the
// current revision places on it; nobody else's.
#pragma once
#include <string>

#include "ca/authority.h"
#include "control/publish.h"
#include "store/store.h"

namespace meshd {

struct LeafOrder {
  std::string csr;
  SpiffeId id;
  std::string node;          // who asked
  UnixSeconds lifetime = 0;  // 0: the authority's own
};
// Signs, and writes down what was signed. Errors: invalid_argument (the CSR), those of the store.
Outcome<CertificateChain> sign_and_record(store::Store& store, const Authority& authority, const Clock& clock,
                                          const LeafOrder& order);

// May `node` have `id`? Its own, and those of workloads on it.
bool may_have(const std::string& node, const SpiffeId& id, const std::string& trust_domain,
              const Snapshot* snapshot);

inline constexpr size_t kCertificatesPerCall = 256;

class CertificateDesk {
 public:
  CertificateDesk(store::Store& store, const Authority& authority, const Publisher& publisher,
                  const Clock& clock)
      : store_(store), authority_(authority), publisher_(publisher), clock_(clock) {}

  // The answer's body. What one request asks wrongly is refused alone. Errors: invalid_argument, limit, those of the store.
  Outcome<Json> issue(const Json& request, const std::string& node);

 private:
  store::Store& store_;
  const Authority& authority_;
  const Publisher& publisher_;
  const Clock& clock_;
};

// The file's `mesh.certificates.lifetime`; 0 where there is no file.
UnixSeconds leaf_lifetime(const model::Model* model);

}  // namespace meshd
