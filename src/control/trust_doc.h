// SPDX-License-Identifier: Apache-2.0
// trust_doc.h: whom the mesh trusts, as one signed text: roots, which of them signs, what is revoked.
//
// The server signs it with its own identity's key; nodes check that with the one verifier, whether it came over the wire or
// from their disk, and take none with a lower number than they have.
#pragma once
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "tls/context.h"
#include "tls/deny_list.h"

namespace meshd {

struct TrustDoc {
  uint64_t number = 0;   // grows with each change
  UnixSeconds time = 0;  // of signing
  std::string bundle;    // PEM: the roots to trust
  std::string root;      // pin of the one that signs now: leaves under others are renewed at once
  DenyList denied;
};

// The text, who signed it and how.
struct SealedTrust {
  uint64_t number = 0;  // of the doc
  std::string text;
  std::string signature;  // over a fixed prefix and the text
  std::string chain;      // PEM of the signer

  bool empty() const { return text.empty(); }
};

inline constexpr size_t kDeniedMax = 5'000;  // entries: half of what fits into one line of the control stream

// Errors: internal.
Outcome<SealedTrust> seal_trust(const TrustDoc& doc, const Identity& server);
// Checks signature and signer (`server`, under `bundle`, at the time it signed), and reads it. Errors: identity, protocol.
Outcome<TrustDoc> open_trust(const SealedTrust& sealed, const TrustBundle& bundle, const SpiffeId& server);

// What is signed, but for number and time: equal texts say the same.
std::string content_of(const TrustDoc& doc);

JsonObject to_json(const SealedTrust& sealed);
SealedTrust trust_from_json(const Json& j);

}  // namespace meshd
