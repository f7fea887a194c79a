// SPDX-License-Identifier: Apache-2.0
// forge_test.h: writes certificates by hand, each part replaceable, so that tests can make malformed ones.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tls/certificate.h"
#include "tls/issue.h"
#include "tls/key_pair.h"
#include "tls/trust_bundle.h"

namespace meshd {

// DER: tag, length, content.
std::string der(unsigned char tag, std::string_view content);

// Extensions.
std::string extension(std::string_view oid, bool critical, std::string_view value);
struct Name {
  char kind;  // 'U' URI, 'D' DNS
  std::string text;
};
std::string alt_names(const std::vector<Name>& names, bool critical = true);
// path_length -1: none given.
std::string basic_constraints(bool ca, int path_length = -1);
inline constexpr unsigned char kSign = 0x80, kEncipher = 0x20, kCertSign = 0x04, kCrlSign = 0x02;
std::string key_usage(unsigned char bits, bool critical = true);
std::string extended_usage(bool server, bool client);
std::string unknown_critical();

struct Spec {
  std::string subject;  // common name; empty: no subject
  std::string issuer;
  Validity validity;
  std::string spki;
  std::vector<std::string> extensions;
  bool sha1 = false;
  int version = 3;
};
// DER, signed with `key`.
std::string write(const Spec& spec, const KeyPair& key);

// A root, an issuing certificate and a leaf for spiffe://td.example/ns/a/sa/b, all good; tests spoil one thing.
inline constexpr UnixSeconds kNow = 1'760'000'000;
struct World {
  KeyPair root_key, issuing_key, leaf_key;
  Spec root, issuing, leaf;

  World();
  // What the peer presents: leaf, issuing certificate. Errors where the library does not even parse it.
  Result<CertificateChain> chain() const;
  TrustBundle bundle() const;
};

// Places in World::leaf.extensions.
inline constexpr size_t kConstraints = 0, kUsage = 1, kExtended = 2, kNames = 3;

struct Malformed {
  const char* what;
  void (*spoil)(World&);
};
// One change each to a good certificate: whatever checks peers must refuse every one (malformed_test.cc).
std::span<const Malformed> malformed();

}  // namespace meshd
