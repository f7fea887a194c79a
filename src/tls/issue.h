// SPDX-License-Identifier: Apache-2.0
// issue.h: writes certificates: roots, issuing certificates, leaves. Pure: key, name and time come from the caller.
//
// Root → issuing certificate (path length 0) → leaf. Only what is written here decides what a certificate may do;
// nothing of a signing request but the public key ever reaches it. Serial numbers are 128 bits, random, positive.
#pragma once
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "tls/certificate.h"
#include "tls/key_pair.h"
#include "tls/spiffe_id.h"

namespace meshd {

struct Validity {
  UnixSeconds not_before = 0;
  UnixSeconds not_after = 0;
};

// Clocks of a mesh differ a little: what is issued now is valid since five minutes ago.
inline constexpr UnixSeconds kBackdate = 300;
inline Validity valid_for(UnixSeconds now, UnixSeconds lifetime) { return {now - kBackdate, now + lifetime}; }

inline constexpr UnixSeconds kRootLifetime = 3650LL * 86400;
inline constexpr UnixSeconds kIssuingLifetime = 30LL * 86400;
inline constexpr UnixSeconds kLeafLifetime = 24LL * 3600;

// What signs: a key and its certificate.
struct Issuer {
  std::shared_ptr<const KeyPair> key;
  Certificate certificate;
};

struct CaSpec {
  std::string trust_domain;  // becomes the URI SAN spiffe://<trust domain>, which every CA of a mesh carries
  std::string name;          // the common name, for people: letters, digits, space, ".-_"
  Validity validity;
  int path_length = 0;  // of an intermediate: how many CAs may stand below it; 0: it signs leaves
};

// Self-signed, any path length. `key` is on P-384 where we choose.
Result<Certificate> issue_root(const KeyPair& key, const CaSpec& spec);
// Signs an issuing certificate for `key`: a CA with the path length of `spec`. It never outlives its issuer: not_after is
// cut to that. With the name and key of another root and path length 1 it carries that root's leaves to those who know
// only this one (a cross-certificate). Errors: invalid_argument (the issuer is no CA, or allows no CA below it).
Result<Certificate> issue_intermediate(const Issuer& root, const PublicKey& key, const CaSpec& spec);

struct LeafSpec {
  SpiffeId id;
  Validity validity;
};
// An X509-SVID: no subject, the id as its one (critical) URI SAN, not a CA, digitalSignature, server and client.
// not_after is cut to the issuer's. Errors: invalid_argument (the issuer is no CA, an id of another trust domain,
// an empty validity).
Result<Certificate> issue_leaf(const Issuer& issuer, const PublicKey& key, const LeafSpec& spec);

}  // namespace meshd
