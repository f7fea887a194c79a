// SPDX-License-Identifier: Apache-2.0
#include "ca/generation.h"

#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "ca/lifecycle.h"
#include "tls/csr.h"
#include "tls/digest.h"
#include "tls/trust_bundle.h"
#include "tls/verify_svid.h"

namespace meshd {
namespace {

struct Paths {
  std::string root_crt, root_key, above_crt, issuing_crt, issuing_key, request_key, request_csr;
  explicit Paths(const std::string& dir)
      : root_crt(dir + "/root.crt"),
        root_key(dir + "/root.key"),
        above_crt(dir + "/intermediate.crt"),
        issuing_crt(dir + "/issuing.crt"),
        issuing_key(dir + "/issuing.key"),
        request_key(dir + "/request.key"),
        request_csr(dir + "/request.csr") {}
};

Outcome<SharedKey> make_key(Curve curve) {
  auto key = KeyPair::generate(curve);
  if (!key) return fail(key.error().code, key.error().why);
  return std::make_shared<const KeyPair>(std::move(*key));
}

Outcome<Certificate> make_issuing(const Issuer& parent, const Generation::Place& place, const KeyPair& key,
                                  UnixSeconds now) {
  CaSpec spec{place.trust_domain, "meshd issuing " + format_time(now).substr(0, 10),
              valid_for(now, place.lifetimes.issuing)};
  auto made = issue_intermediate(parent, key.public_key(), spec);
  if (!made)
    return fail(made.error().code, std::string("cannot make an issuing certificate: ") + made.error().why);
  return std::move(*made);
}

// The trust domain is the root's one URI, spiffe://<trust domain>.
Outcome<std::string> trust_domain_of(const Certificate& root, const std::string& path) {
  constexpr std::string_view kScheme = "spiffe://";
  auto uris = root.uris();
  if (uris.size() == 1 && uris[0].starts_with(kScheme) && valid_trust_domain(uris[0].substr(kScheme.size())))
    return uris[0].substr(kScheme.size());
  return fail(Errc::invalid_argument,
              path + ": this root names no trust domain (a URI spiffe://<trust domain>)");
}

Outcome<Certificate> read_certificate(const std::string& path) {
  auto chain = read_chain_file(path);
  if (!chain) return fail(std::move(chain.error()));
  return chain->leaf();
}

// Would leaves signed with `issuer`, carrying `above`, be accepted by those who know `root`? Asked of the one verifier.
const char* problem_of(const Generation::Place& place, const Certificate& root, const CertificateChain& above,
                       const Issuer& issuer, UnixSeconds now) {
  auto bundle = TrustBundle::make(place.trust_domain, {root});
  if (!bundle) return bundle.error().why;
  auto key = KeyPair::generate();
  if (!key) return key.error().why;
  SpiffeId id = node_id(place.trust_domain, "trial");
  auto leaf = issue_leaf(issuer, key->public_key(), {id, valid_for(now, 60)});
  if (!leaf) return leaf.error().why;
  CertificateChain chain({*leaf, issuer.certificate});
  for (const Certificate& c : above.certificates()) chain.push(c);
  auto verified = verify_svid(chain, *bundle, {.now = now});
  return verified ? nullptr : verified.error().why;
}

}  // namespace

Outcome<CaImport> read_ca_import(const std::string& chain_file, const std::string& key_file,
                                 const SharedSeal& seal) {
  auto chain = read_chain_file(chain_file);
  if (!chain) return fail(std::move(chain.error()));
  auto key = read_key_file(key_file, seal);
  if (!key) return fail(std::move(key.error()));
  if (!belongs(**key, chain->leaf()))
    return fail(Errc::invalid_argument,
                key_file + " is not the key of the first certificate in " + chain_file);
  if (!chain->certificates().back().is_self_issued())
    return fail(Errc::invalid_argument,
                chain_file + " does not end in a root: put every issuer behind the first certificate");
  return CaImport{std::move(*chain), std::move(*key)};
}

Generation::Generation(Place place, Certificate root, CertificateChain above, SharedKey root_key,
                       Issuer issuing)
    : place_(std::move(place)),
      root_(std::move(root)),
      above_(std::move(above)),
      root_key_(std::move(root_key)),
      issuing_(std::move(issuing)),
      pin_(pin_of(root_)) {}

bool Generation::is_in(const std::string& dir) { return exists(dir + "/root.crt"); }

// ---- making one

Outcome<Generation> Generation::create(Place place, UnixSeconds now) {
  auto key = make_key(Curve::p384);
  if (!key) return fail(std::move(key.error()));
  // Two roots of one day have two names: who looks for an issuer by its name finds the right one.
  std::string name = "meshd root " + format_time(now).substr(0, 10) + " " +
                     sha256_hex((*key)->public_key().der()).substr(0, 8);
  auto root = issue_root(**key, {place.trust_domain, name, valid_for(now, place.lifetimes.root)});
  if (!root)
    return fail(root.error().code, std::string("cannot make the root certificate: ") + root.error().why);
  return import(std::move(place), {CertificateChain({std::move(*root)}), std::move(*key)}, now);
}

Outcome<Generation> Generation::import(Place place, const CaImport& given, UnixSeconds now) {
  Paths paths(place.dir);
  if (auto made = make_private_dir(place.dir); !made) return fail(std::move(made.error()));
  std::vector<Certificate> chain = given.chain.certificates();
  Certificate root = chain.back();
  chain.pop_back();
  CertificateChain above(std::move(chain));
  const Certificate& parent = above.empty() ? root : above.leaf();
  bool signs_leaves = !above.empty() && parent.path_length() == 0;
  Issuer issuing{given.key, parent};
  if (signs_leaves) {
    std::vector<Certificate> rest(above.certificates().begin() + 1, above.certificates().end());
    above = CertificateChain(std::move(rest));
  } else {
    auto key = make_key(Curve::p256);
    if (!key) return fail(std::move(key.error()));
    auto made = make_issuing({given.key, parent}, place, **key, now);
    if (!made) return fail(std::move(made.error()));
    issuing = {std::move(*key), std::move(*made)};
  }
  if (const char* why = problem_of(place, root, above, issuing, now))
    return fail(Errc::invalid_argument,
                std::string("nodes would refuse certificates signed with this CA: ") + why);

  // root.crt comes last: until it is there, nothing here counts as an authority and this may be done again.
  const SharedSeal& seal = place.seal;
  if (!signs_leaves)
    if (auto saved = save_key_file(paths.root_key, *given.key, seal); !saved)
      return fail(std::move(saved.error()));
  if (auto saved = save_key_file(paths.issuing_key, *issuing.key, seal); !saved)
    return fail(std::move(saved.error()));
  if (auto saved = write_file(paths.issuing_crt, issuing.certificate.to_pem()); !saved)
    return fail(std::move(saved.error()));
  if (!above.empty())
    if (auto saved = write_file(paths.above_crt, above.to_pem()); !saved)
      return fail(std::move(saved.error()));
  if (auto saved = write_file(paths.root_crt, root.to_pem()); !saved) return fail(std::move(saved.error()));
  return Generation(std::move(place), std::move(root), std::move(above), signs_leaves ? nullptr : given.key,
                    std::move(issuing));
}

Outcome<Generation> Generation::load(Place place, UnixSeconds now) {
  Paths paths(place.dir);
  auto root = read_certificate(paths.root_crt);
  if (!root) return fail(std::move(root.error()));
  if (place.trust_domain.empty()) {
    auto domain = trust_domain_of(*root, paths.root_crt);
    if (!domain) return fail(std::move(domain.error()));
    place.trust_domain = std::move(*domain);
  }
  CertificateChain above;
  if (exists(paths.above_crt)) {
    auto chain = read_chain_file(paths.above_crt);
    if (!chain) return fail(std::move(chain.error()));
    above = std::move(*chain);
  }
  const Certificate& parent = above.empty() ? *root : above.leaf();

  SharedKey root_key;
  if (exists(paths.root_key)) {
    auto key = read_key_file(paths.root_key, place.seal);
    if (!key) return fail(std::move(key.error()));
    if (!belongs(**key, parent))
      return fail(Errc::invalid_argument, paths.root_key + " is not the key of " +
                                              (above.empty() ? "root.crt" : "intermediate.crt") +
                                              "; restore both from one backup");
    root_key = std::move(*key);
  }

  auto key = read_key_file(paths.issuing_key, place.seal);
  if (!key) return fail(std::move(key.error()));
  auto issuing = read_certificate(paths.issuing_crt);
  if (!issuing) return fail(std::move(issuing.error()));
  if (!belongs(**key, *issuing)) {
    // A rotation was cut between its two files: the key is new, the certificate still the old one.
    if (root_key != nullptr) {
      issuing = make_issuing({root_key, parent}, place, **key, now);
      if (!issuing) return fail(std::move(issuing.error()));
      if (auto saved = write_file(paths.issuing_crt, issuing->to_pem()); !saved)
        return fail(std::move(saved.error()));
    } else {
      key = read_key_file(paths.issuing_key + ".prev", place.seal);
      if (!key || !belongs(**key, *issuing))
        return fail(Errc::invalid_argument,
                    paths.issuing_key + " is not the key of issuing.crt; restore both from one backup");
    }
  }
  Generation loaded(std::move(place), std::move(*root), std::move(above), std::move(root_key),
                    {std::move(*key), std::move(*issuing)});
  if (loaded.place_.seal) {
    // A host key that was given later seals what lay open until now.
    if (loaded.root_key_ && is_plain_key_file(paths.root_key))
      if (auto saved = save_key_file(paths.root_key, *loaded.root_key_, loaded.place_.seal); !saved)
        return fail(std::move(saved.error()));
    if (is_plain_key_file(paths.issuing_key)) {
      if (auto saved = save_key_file(paths.issuing_key, *loaded.issuing_.key, loaded.place_.seal); !saved)
        return fail(std::move(saved.error()));
      unlink((paths.issuing_key + ".prev").c_str());
    }
  }
  return loaded;
}

// ---- signing

bool Generation::owns(const PublicKey& key) const {
  if (key == issuing_.key->public_key()) return true;
  auto root_key = root_.public_key();
  if (root_key && key == *root_key) return true;
  return std::ranges::any_of(above_.certificates(), [&key](const Certificate& c) {
    auto of = c.public_key();
    return of && *of == key;
  });
}

Outcome<CertificateChain> Generation::sign(const PublicKey& key, const SpiffeId& id,
                                           Validity validity) const {
  auto leaf = issue_leaf(issuing_, key, {id, validity});
  if (!leaf) return fail(leaf.error().code, std::string("cannot issue a certificate: ") + leaf.error().why);
  CertificateChain chain({std::move(*leaf), issuing_.certificate});
  for (const Certificate& c : above_.certificates()) chain.push(c);
  return chain;
}

// ---- the next issuing certificate

Outcome<bool> Generation::rotate_if_due(UnixSeconds now) {
  if (now < renew_at(validity_of(issuing_.certificate), 0.5)) return false;
  // Nothing to gain: it ends with what stands above it.
  if (root_key_ && issuing_.certificate.not_after() >= parent().not_after()) return false;
  if (auto done = rotate_issuing(now); !done) return fail(std::move(done.error()));
  return true;
}

Outcome<> Generation::rotate_issuing(UnixSeconds now) {
  if (root_key_ == nullptr)
    return fail(Errc::not_found,
                "the issuing certificate ends on " + format_time(issuing_.certificate.not_after()) + " and " +
                    place_.dir +
                    "/root.key is not here: take the output of `meshd ca request` to the root key, `meshd ca "
                    "sign-intermediate` there, and `meshd ca install` here");
  Paths paths(place_.dir);
  auto key = make_key(Curve::p256);
  if (!key) return fail(std::move(key.error()));
  auto certificate = make_issuing({root_key_, parent()}, place_, **key, now);
  if (!certificate) return fail(std::move(certificate.error()));
  // Key first: load() can mend a new key beside an old certificate, with or without the root's key.
  if (auto saved = save_key_file(paths.issuing_key, **key, place_.seal, {.keep_previous = true}); !saved)
    return saved;
  if (auto saved = write_file(paths.issuing_crt, certificate->to_pem()); !saved) {
    // Back to the pair that fits. If that fails too, load() mends it.
    auto restored = save_key_file(paths.issuing_key, *issuing_.key, place_.seal);
    std::string more = restored ? "" : "; " + restored.error().what;
    return fail(saved.error().code, saved.error().what + more);
  }
  issuing_ = {std::move(*key), std::move(*certificate)};
  return {};
}

Outcome<std::string> Generation::request_issuing() {
  Paths paths(place_.dir);
  SharedKey key;
  if (exists(paths.request_key)) {
    auto kept = read_key_file(paths.request_key, place_.seal);
    if (!kept) return fail(std::move(kept.error()));
    key = std::move(*kept);
  } else {
    auto made = make_key(Curve::p256);
    if (!made) return fail(std::move(made.error()));
    key = std::move(*made);
    if (auto saved = save_key_file(paths.request_key, *key, place_.seal); !saved)
      return fail(std::move(saved.error()));
  }
  auto csr = make_csr(*key);
  if (!csr) return fail(csr.error().code, csr.error().why);
  if (auto saved = write_file(paths.request_csr, *csr); !saved) return fail(std::move(saved.error()));
  return std::move(*csr);
}

Outcome<> Generation::install_issuing(const CertificateChain& chain, UnixSeconds now) {
  Paths paths(place_.dir);
  auto key = read_key_file(paths.request_key, place_.seal);
  if (!key)
    return fail(key.error().code == Errc::not_found
                    ? Detailed{Errc::not_found,
                               "there is no request here that this could answer; see `meshd ca request`"}
                    : key.error());
  if (!belongs(**key, chain.leaf()))
    return fail(Errc::invalid_argument, "this certificate is not for the key of " + paths.request_csr);
  if (!chain.leaf().is_ca()) return fail(Errc::invalid_argument, "this certificate is no CA's");
  std::vector<Certificate> above;
  for (size_t i = 1; i < chain.size(); ++i)
    if (!(chain.certificates()[i] == root_)) above.push_back(chain.certificates()[i]);
  if (chain.size() == 1) above = above_.certificates();
  Issuer next{*key, chain.leaf()};
  CertificateChain between(std::move(above));
  if (const char* why = problem_of(place_, root_, between, next, now))
    return fail(Errc::invalid_argument,
                std::string("nodes would refuse certificates signed with this one: ") + why);
  // What is above first: the old issuing certificate is not harmed by it unless it changes, and the three files are then
  // one backup. Key before certificate: load() falls back to issuing.key.prev.
  if (!between.empty())
    if (auto saved = write_file(paths.above_crt, between.to_pem()); !saved) return saved;
  if (auto saved = save_key_file(paths.issuing_key, **key, place_.seal, {.keep_previous = true}); !saved)
    return saved;
  if (auto saved = write_file(paths.issuing_crt, chain.leaf().to_pem()); !saved) {
    (void)save_key_file(paths.issuing_key, *issuing_.key, place_.seal);  // load() mends it too
    return saved;
  }
  unlink(paths.request_key.c_str());
  unlink(paths.request_csr.c_str());
  issuing_ = std::move(next);
  above_ = std::move(between);
  return {};
}

// ---- beside another root

std::optional<Certificate> Generation::cross_certify(const Generation& other, UnixSeconds now) const {
  if (!root_key_ || !above_.empty()) return std::nullopt;
  // The name that ours have: "O=meshd, CN=…".
  constexpr std::string_view kOurs = "O=meshd, CN=";
  std::string name = other.root().subject();
  auto key = other.root().public_key();
  if (!name.starts_with(kOurs) || !key) return std::nullopt;
  CaSpec spec{place_.trust_domain,
              name.substr(kOurs.size()),
              {now - kBackdate, std::min(root_.not_after(), other.root().not_after())},
              1 + static_cast<int>(other.above().size())};
  auto made = issue_intermediate({root_key_, root_}, *key, spec);
  if (!made) return std::nullopt;
  return std::move(*made);
}

void Generation::destroy_keys() {
  Paths paths(place_.dir);
  for (const std::string& path :
       {paths.root_key, paths.issuing_key, paths.issuing_key + ".prev", paths.request_key, paths.request_csr})
    unlink(path.c_str());
  root_key_ = nullptr;
}

}  // namespace meshd
