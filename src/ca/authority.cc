// SPDX-License-Identifier: Apache-2.0
#include "ca/authority.h"

#include "base/file.h"
#include "ca/lifecycle.h"
#include "tls/csr.h"

namespace meshd {
namespace {

constexpr size_t kFileMax = 64 * 1024;

struct Paths {
  std::string root_crt, root_key, issuing_crt, issuing_key;
  explicit Paths(const std::string& dir)
      : root_crt(dir + "/root.crt"),
        root_key(dir + "/root.key"),
        issuing_crt(dir + "/issuing.crt"),
        issuing_key(dir + "/issuing.key") {}
};

using SharedKey = std::shared_ptr<const KeyPair>;

Outcome<SharedKey> make_key(Curve curve) {
  auto key = KeyPair::generate(curve);
  if (!key) return fail(key.error().code, key.error().why);
  return std::make_shared<const KeyPair>(std::move(*key));
}

Outcome<> save_key(const std::string& path, const KeyPair& key, WriteMode mode = {}) {
  std::string pem = key.to_pem();
  auto saved = write_file(path, pem, mode);
  wipe(pem);
  return saved;
}

Outcome<SharedKey> read_key(const std::string& path) {
  if (auto ours = check_private_file(path); !ours) return fail(ours.error());
  auto pem = read_file(path, kFileMax);
  if (!pem) return fail(pem.error());
  auto key = KeyPair::from_pem(*pem);
  wipe(*pem);
  if (!key) return fail(key.error().code, path + ": " + key.error().why + "; restore it from a backup");
  return std::make_shared<const KeyPair>(std::move(*key));
}

Outcome<Certificate> read_certificate(const std::string& path) {
  auto pem = read_file(path, kFileMax);
  if (!pem) return fail(pem.error());
  auto certificate = Certificate::from_pem(*pem);
  if (!certificate)
    return fail(certificate.error().code,
                path + ": " + certificate.error().why + "; restore it from a backup");
  return std::move(*certificate);
}

bool belongs(const KeyPair& key, const Certificate& certificate) {
  auto of = certificate.public_key();
  return of && *of == key.public_key();
}

Outcome<Certificate> make_issuing(const Issuer& root, const std::string& trust_domain, const KeyPair& key,
                                  UnixSeconds now, const Lifetimes& lifetimes) {
  auto made = issue_intermediate(
      root, key.public_key(),
      {trust_domain, "meshd issuing " + format_time(now).substr(0, 10), valid_for(now, lifetimes.issuing)});
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

}  // namespace

Authority::Authority(std::string dir, std::string trust_domain, Certificate root, SharedKey root_key,
                     Issuer issuing, TrustBundle bundle, Lifetimes lifetimes)
    : dir_(std::move(dir)),
      trust_domain_(std::move(trust_domain)),
      root_(std::move(root)),
      root_key_(std::move(root_key)),
      issuing_(std::move(issuing)),
      bundle_(std::move(bundle)),
      lifetimes_(lifetimes) {}

Outcome<Authority> Authority::create(const std::string& dir, const std::string& trust_domain, UnixSeconds now,
                                     Lifetimes lifetimes) {
  Paths paths(dir);
  if (auto made = make_private_dir(dir); !made) return fail(made.error());
  if (exists(paths.root_crt))
    return fail(Errc::conflict, dir + " has a certificate authority already; nothing was changed");
  auto root_key = make_key(Curve::p384);
  if (!root_key) return fail(root_key.error());
  auto root = issue_root(**root_key, {trust_domain, "meshd root " + format_time(now).substr(0, 10),
                                      valid_for(now, lifetimes.root)});
  if (!root)
    return fail(root.error().code, std::string("cannot make the root certificate: ") + root.error().why);
  auto key = make_key(Curve::p256);
  if (!key) return fail(key.error());
  auto issuing = make_issuing({*root_key, *root}, trust_domain, **key, now, lifetimes);
  if (!issuing) return fail(issuing.error());
  auto bundle = TrustBundle::make(trust_domain, {*root});
  if (!bundle) return fail(bundle.error().code, bundle.error().why);

  // root.crt comes last: until it is there, nothing here counts as an authority and create() may be run again.
  if (auto saved = save_key(paths.root_key, **root_key); !saved) return fail(saved.error());
  if (auto saved = save_key(paths.issuing_key, **key); !saved) return fail(saved.error());
  if (auto saved = write_file(paths.issuing_crt, issuing->to_pem()); !saved) return fail(saved.error());
  if (auto saved = write_file(paths.root_crt, root->to_pem()); !saved) return fail(saved.error());
  return Authority(dir, trust_domain, *root, *root_key, {*key, *issuing}, *bundle, lifetimes);
}

Outcome<Authority> Authority::load(const std::string& dir, UnixSeconds now, Lifetimes lifetimes) {
  Paths paths(dir);
  auto root = read_certificate(paths.root_crt);
  if (!root) return fail(root.error());
  auto trust_domain = trust_domain_of(*root, paths.root_crt);
  if (!trust_domain) return fail(trust_domain.error());
  auto bundle = TrustBundle::make(*trust_domain, {*root});
  if (!bundle) return fail(bundle.error().code, paths.root_crt + ": " + bundle.error().why);

  SharedKey root_key;
  if (exists(paths.root_key)) {
    auto key = read_key(paths.root_key);
    if (!key) return fail(key.error());
    if (!belongs(**key, *root))
      return fail(Errc::invalid_argument,
                  paths.root_key + " is not the key of root.crt; restore both from one backup");
    root_key = *key;
  }

  auto key = read_key(paths.issuing_key);
  if (!key) return fail(key.error());
  auto issuing = read_certificate(paths.issuing_crt);
  if (!issuing) return fail(issuing.error());
  if (!belongs(**key, *issuing)) {
    // A rotation was cut between its two files: the key is new, the certificate still the old one.
    if (root_key != nullptr) {
      issuing = make_issuing({root_key, *root}, *trust_domain, **key, now, lifetimes);
      if (!issuing) return fail(issuing.error());
      if (auto saved = write_file(paths.issuing_crt, issuing->to_pem()); !saved) return fail(saved.error());
    } else {
      key = read_key(paths.issuing_key + ".prev");
      if (!key || !belongs(**key, *issuing))
        return fail(Errc::invalid_argument,
                    paths.issuing_key + " is not the key of issuing.crt; restore both from one backup");
    }
  }
  return Authority(dir, *trust_domain, *root, root_key, {*key, *issuing}, *bundle, lifetimes);
}

Outcome<CertificateChain> Authority::sign(std::string_view csr, const SpiffeId& id, UnixSeconds now,
                                          UnixSeconds lifetime) const {
  auto key = public_key_of_csr(csr);
  if (!key) return fail(key.error().code, key.error().why);
  // A CA's key in a workload's hands would make every check of who signed what worthless.
  auto root_key = root_.public_key();
  if (*key == issuing_.key->public_key() || (root_key && *key == *root_key))
    return fail(Errc::invalid_argument, "the request is for the key of the authority itself");
  auto leaf = issue_leaf(issuing_, *key, {id, valid_for(now, lifetime > 0 ? lifetime : lifetimes_.leaf)});
  if (!leaf) return fail(leaf.error().code, std::string("cannot issue a certificate: ") + leaf.error().why);
  return CertificateChain({*leaf, issuing_.certificate});
}

Outcome<bool> Authority::rotate_if_due(UnixSeconds now) {
  if (now < renew_at(validity_of(issuing_.certificate), 0.5)) return false;
  if (root_key_ == nullptr)
    return fail(Errc::not_found, "the issuing certificate is past half its life and " + dir_ +
                                     "/root.key is not here; sign a new one where the root key is kept");
  Paths paths(dir_);
  auto key = make_key(Curve::p256);
  if (!key) return fail(key.error());
  auto certificate = make_issuing({root_key_, root_}, trust_domain_, **key, now, lifetimes_);
  if (!certificate) return fail(certificate.error());
  // Key first: load() can mend a new key beside an old certificate, with or without the root's key.
  if (auto saved = save_key(paths.issuing_key, **key, {.keep_previous = true}); !saved)
    return fail(saved.error());
  if (auto saved = write_file(paths.issuing_crt, certificate->to_pem()); !saved) {
    // Back to the pair that fits. If that fails too, load() mends it.
    auto restored = save_key(paths.issuing_key, *issuing_.key);
    std::string more = restored ? "" : "; " + restored.error().what;
    return fail(saved.error().code, saved.error().what + more);
  }
  issuing_ = {*key, std::move(*certificate)};
  return true;
}

}  // namespace meshd
