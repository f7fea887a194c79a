// SPDX-License-Identifier: Apache-2.0
// verified_chains.h: signatures of a chain that this loop has verified before are not verified again.
//
// Two signatures of three that a full handshake verifies say the same each time: the leaf's, by the issuing
// certificate, and the issuing certificate's, by the root (P-384). What is remembered is that they hold, by the hash of
// every certificate shown and of every root trusted. Times, the deny list, usage and the SPIFFE id are judged in each
// handshake (svid_check.h), and so is that the peer has the key (RFC 8446 section 4.4.3).
#pragma once
#include <cstddef>

namespace meshd {

// Chains that a thread remembers: beyond, it begins anew.
constexpr size_t kVerifiedChainsMax = 1024;

// Of this thread, since its start: chains whose signatures were verified, and that were known.
struct VerifiedChainCounts {
  size_t verified = 0;
  size_t known = 0;
};
VerifiedChainCounts verified_chain_counts();

}  // namespace meshd
