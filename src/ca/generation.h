// SPDX-License-Identifier: Apache-2.0
// generation.h: one root of the mesh with what signs under it, as files of a directory:
//
//   root.crt                 the root
//   intermediate.crt         where an organisation's own CA stands above ours: what is between root.crt and issuing.crt,
//                            the nearest to the issuing certificate first
//   root.key                 of what signs issuing certificates: of the root, or of the first of intermediate.crt; may be
//                            kept elsewhere
//   issuing.crt issuing.key  what signs leaves: path length 0, 30 days, replaced at half of that
//   request.key request.csr  where root.key is elsewhere: the next issuing key, and the request for its certificate
// Keys are 0600 and refused when they are open to others. Belongs to the control thread.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "tls/certificate.h"
#include "tls/issue.h"
#include "tls/key_file.h"
#include "tls/spiffe_id.h"

namespace meshd {

// How long certificates live. Tests go down to seconds.
struct Lifetimes {
  UnixSeconds root = kRootLifetime;
  UnixSeconds issuing = kIssuingLifetime;
  UnixSeconds leaf = kLeafLifetime;
};

// A CA that was made elsewhere. `chain`: the certificate that `key` belongs to, then each issuer, the root last; a root
// alone is a chain too.
struct CaImport {
  CertificateChain chain;
  SharedKey key;
};
// Errors: those of the files; invalid_argument where they do not fit together.
Outcome<CaImport> read_ca_import(const std::string& chain_file, const std::string& key_file,
                                 const SharedSeal& seal);

class Generation {
 public:
  struct Place {
    std::string dir;
    std::string trust_domain;  // of load(): empty: as the root says
    Lifetimes lifetimes = {};
    SharedSeal seal = nullptr;
  };
  // Makes root and issuing certificate in a directory (made with 0700 if missing).
  static Outcome<Generation> create(Place place, UnixSeconds now);
  // The same over a CA that was made elsewhere. One whose path length allows no CA below it signs leaves itself, and the
  // next one has to be brought before it ends. Errors: invalid_argument, saying what does not fit.
  static Outcome<Generation> import(Place place, const CaImport& import, UnixSeconds now);
  // Reads it back. A crash between the two files of a rotation is mended.
  // Errors: not_found, permission, invalid_argument, each naming the file and what to do.
  static Outcome<Generation> load(Place place, UnixSeconds now);
  // Is there a root in this directory?
  static bool is_in(const std::string& dir);

  // A leaf for `key`, with the certificates up to the root, without that. Errors: invalid_argument.
  Outcome<CertificateChain> sign(const PublicKey& key, const SpiffeId& id, Validity validity) const;

  // Replaces the issuing certificate if it is past half its life; says whether it did. Leaves signed before stay good:
  // they carry their issuer. Errors: io; not_found (the key above it is elsewhere); the old one stays in use.
  Outcome<bool> rotate_if_due(UnixSeconds now);
  // The same now.
  Outcome<> rotate_issuing(UnixSeconds now);
  // A request (PEM) for the next issuing certificate, to be signed where the root key is. The same until install_issuing.
  Outcome<std::string> request_issuing();
  // Takes the certificate that was signed for the request, with what stands between it and the root. Errors:
  // invalid_argument (not for our request, not under our root, not valid, no CA).
  Outcome<> install_issuing(const CertificateChain& chain, UnixSeconds now);

  // A certificate for `other`'s key by this root, so that who knows only this root takes leaves of the other. Nothing
  // where that cannot be: the key is elsewhere, or the root's name is not of our making.
  std::optional<Certificate> cross_certify(const Generation& other, UnixSeconds now) const;

  void set_lifetimes(const Lifetimes& lifetimes) { place_.lifetimes = lifetimes; }
  // Takes the keys away; what is public stays.
  void destroy_keys();

  const std::string& trust_domain() const { return place_.trust_domain; }
  const std::string& dir() const { return place_.dir; }
  const Certificate& root() const { return root_; }
  const Certificate& issuing() const { return issuing_.certificate; }
  // What stands between the issuing certificate and the root.
  const CertificateChain& above() const { return above_; }
  bool has_root_key() const { return root_key_ != nullptr; }
  // Is this the key of one of its CAs?
  bool owns(const PublicKey& key) const;
  std::string pin() const { return pin_; }

 private:
  Generation(Place place, Certificate root, CertificateChain above, SharedKey root_key, Issuer issuing);
  const Certificate& parent() const { return above_.empty() ? root_ : above_.leaf(); }

  Place place_;
  Certificate root_;
  CertificateChain above_;
  SharedKey root_key_;  // of parent(); null: kept elsewhere
  Issuer issuing_;
  std::string pin_;
};

}  // namespace meshd
