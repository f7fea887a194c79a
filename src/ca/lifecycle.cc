// SPDX-License-Identifier: Apache-2.0
// lifecycle.cc: the life of a certificate, in order, and who does each part:
//
//   token    ca/token.h           the server makes a secret, stores its hash, a person carries it over
//   join     tls/context.h        the node checks the server against the token's pin, then says the secret
//   key      tls/key_pair.h       made on the node; it never leaves it
//   request  tls/csr.h            proves that the node holds the key, and nothing else
//   issue    ca/authority.h       the server decides the name and signs; tls/issue.h writes the certificate
//   use      tls/verify_svid.h    each handshake checks the peer's
//   renew    below                at half life, with the current certificate in place of a token
//   retire   below                a new one takes over where it is better; the old one ends by itself
#include "ca/lifecycle.h"

#include <algorithm>

namespace meshd {
namespace {

constexpr UnixSeconds kRetryMax = 300;

UnixSeconds life_of(Validity v) { return std::max<UnixSeconds>(v.not_after - issued_at(v), 0); }

}  // namespace

std::string_view name_of(CertState state) {
  switch (state) {
    case CertState::early: return "not valid yet";
    case CertState::good: return "good";
    case CertState::due: return "renewal due";
    case CertState::ending: return "ends soon";
    case CertState::expired: return "expired";
  }
  return "expired";
}

UnixSeconds issued_at(Validity v) { return std::min(v.not_before + kBackdate, v.not_after); }

UnixSeconds renew_at(Validity v, double jitter) {
  auto life = static_cast<double>(life_of(v));
  return issued_at(v) + static_cast<UnixSeconds>(life * (0.4 + 0.2 * jitter));
}

UnixSeconds retry_at(Validity v, UnixSeconds now, uint32_t failures, double jitter) {
  UnixSeconds most = std::clamp<UnixSeconds>(life_of(v) / 20, 1, kRetryMax);
  UnixSeconds wait = std::min(most, UnixSeconds{1} << std::min(failures == 0 ? 0 : failures - 1, 20u));
  return now +
         std::max<UnixSeconds>(1, static_cast<UnixSeconds>(static_cast<double>(wait) * (0.5 + 0.5 * jitter)));
}

CertState state_of(Validity v, UnixSeconds now) {
  if (now > v.not_after) return CertState::expired;
  if (now < v.not_before) return CertState::early;
  UnixSeconds left = v.not_after - now, life = life_of(v);
  if (left * 10 < life) return CertState::ending;
  // Renewal is spread over 40 to 60 % of the life; only after that is it late.
  if (now > renew_at(v, 1.0)) return CertState::due;
  return CertState::good;
}

bool may_replace(Validity current, Validity next, UnixSeconds now) {
  return is_valid(next, now) && next.not_after > current.not_after;
}

}  // namespace meshd
