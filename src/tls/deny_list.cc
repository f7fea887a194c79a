// SPDX-License-Identifier: Apache-2.0
#include "tls/deny_list.h"

namespace meshd {

bool DenyList::denies(const CertificateChain& chain) const {
  if (chain.empty()) return false;
  for (const Certificate& c : chain.certificates())
    if (has_serial(c.serial())) return true;
  for (const std::string& uri : chain.leaf().uris())
    if (has_id(uri)) return true;
  return false;
}

}  // namespace meshd
