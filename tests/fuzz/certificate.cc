// SPDX-License-Identifier: Apache-2.0
// certificate: everything of tls/ that reads a peer's bytes as PEM or DER: certificates, chains, bundles, keys, and
// certificate requests. What verify_svid accepts has one URI, which is the id, and is no CA.
#include "tls/certificate.h"
#include "fuzz.h"
#include "tls/csr.h"
#include "tls/issue.h"
#include "tls/pem.h"
#include "tls/trust_bundle.h"
#include "tls/verify_svid.h"

namespace meshd::fuzz {
namespace {

void check_certificate(const Certificate& c) {
  auto again = Certificate::from_pem(c.to_pem());
  must(again && *again == c, "a certificate changes through PEM");
  must(c.fingerprint().size() == 64, "a fingerprint of another length");
  (void)c.subject();
  (void)c.serial();
  auto key = c.public_key();
  if (key) {
    auto same = PublicKey::from_der(key->der());
    must(same && *same == *key, "a public key changes through DER");
  }
}

// As if the last of the chain, and then each of it, were our root.
void check_verdict(const CertificateChain& chain) {
  for (const Certificate& root : chain.certificates()) {
    for (const std::string& uri : root.uris()) {
      std::string_view domain = uri;
      if (!domain.starts_with("spiffe://")) continue;
      domain.remove_prefix(9);
      auto bundle = TrustBundle::make(std::string(cut(domain, '/')), {root});
      if (!bundle) continue;
      must(root.is_ca(), "a bundle of what is no CA");
      for (PeerRole role : {PeerRole::server, PeerRole::client}) {
        const Certificate& leaf = chain.leaf();
        auto id = verify_svid(chain, *bundle, {.now = leaf.not_before() + 60, .role = role, .ids = {}});
        if (!id) continue;
        must(leaf.uris() == std::vector<std::string>{id->uri()}, "an id that the certificate does not name");
        must(!leaf.is_ca(), "a CA for a peer");
        must(id->trust_domain == bundle->trust_domain(), "a peer of another trust domain");
        must(leaf.not_after() >= leaf.not_before() + 60, "a peer after its time");
      }
    }
  }
}

void read_der(std::string_view der) {
  if (auto c = Certificate::from_der(der)) {
    must(c->der() == der, "a certificate is not the bytes it was read from");
    check_certificate(*c);
  }
  if (auto key = PublicKey::from_der(der)) {
    auto again = PublicKey::from_der(key->der());
    must(again && *again == *key, "a public key changes through DER");
  }
  if (auto key = public_key_of_csr(der)) must(PublicKey::from_der(key->der()).has_value(), "a request's key");
}

void read_pem(std::string_view pem) {
  auto blocks = parse_pem(pem);
  if (blocks) {
    std::string text;
    for (const PemBlock& b : *blocks) text += to_pem(b.label, b.der);
    auto again = parse_pem(text);
    must(again && again->size() == blocks->size(), "PEM blocks change through text");
    for (size_t i = 0; i < blocks->size(); ++i) {
      must((*again)[i].label == (*blocks)[i].label && (*again)[i].der == (*blocks)[i].der,
           "a PEM block changes");
      read_der((*blocks)[i].der);
    }
  }
  if (auto chain = CertificateChain::from_pem(pem)) {
    must(blocks.has_value() && chain->size() <= kChainMax, "a chain of no blocks, or too long");
    for (const Certificate& c : chain->certificates()) check_certificate(c);
    check_verdict(*chain);
  }
  if (auto bundle = TrustBundle::from_pem("mesh.test", pem)) {
    for (const Certificate& root : bundle->roots()) must(root.is_ca(), "a root that is no CA");
    must(TrustBundle::from_pem("mesh.test", bundle->to_pem()).has_value(), "a bundle changes through PEM");
  }
  if (auto key = KeyPair::from_pem(pem)) {
    auto again = KeyPair::from_pem(key->to_pem());
    must(again && again->public_key() == key->public_key(), "a key changes through PEM");
  }
}

}  // namespace

FUZZ_TARGET(certificate) {
  read_der(bytes);
  read_pem(bytes);
  // DER is what mutation reaches: every kind of label over the same bytes.
  if (bytes.find("-----BEGIN ") == std::string_view::npos && !bytes.empty())
    for (const char* label : {"CERTIFICATE", "EC PRIVATE KEY", "PRIVATE KEY"}) read_pem(to_pem(label, bytes));
}

}  // namespace meshd::fuzz
