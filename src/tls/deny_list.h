// SPDX-License-Identifier: Apache-2.0
// deny_list.h: certificates that are refused although they are well-made and valid: what was revoked before its end.
//
// Immutable once made; handshakes of all loops share one. verify_svid.cc is what asks it.
#pragma once
#include <set>
#include <string>
#include <string_view>

#include "tls/certificate.h"
#include "tls/spiffe_id.h"

namespace meshd {

struct DenyList {
  std::set<std::string, std::less<>>
      serials;                             // as Certificate::serial(): of leaves or of issuing certificates
  std::set<std::string, std::less<>> ids;  // SPIFFE IDs, whatever certificate shows them

  bool empty() const { return serials.empty() && ids.empty(); }
  bool has_serial(std::string_view serial) const { return serials.contains(serial); }
  bool has_id(std::string_view id) const { return ids.contains(id); }
  // Would a handshake with this chain be refused now? For connections that are open already.
  bool denies(const CertificateChain& chain) const;

  friend bool operator==(const DenyList&, const DenyList&) = default;
};

}  // namespace meshd
