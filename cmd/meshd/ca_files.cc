// SPDX-License-Identifier: Apache-2.0
// ca_files.cc: `meshd ca root|new-request|sign-intermediate`: the parts of an authority that need no mesh, only files:
// a root that is kept on a machine without a network.
#include "app/harden.h"
#include "ca/generation.h"
#include "meshd/ca.h"
#include "tls/csr.h"
#include "tls/trust_bundle.h"

namespace meshd::cli {
namespace {

struct RootOptions {
  std::string trust_domain, cert = "root.crt", key = "root.key";
  uint32_t days = kRootLifetime / 86400;
};

int make_root(Globals&, const RootOptions& o) {
  harden_process();
  if (!valid_trust_domain(o.trust_domain))
    return failed({Errc::invalid_argument,
                   "'" + o.trust_domain + "' cannot be a trust domain: 1 to 255 of [a-z0-9._-]"});
  for (const std::string& path : {o.cert, o.key})
    if (exists(path)) return failed({Errc::conflict, path + " exists; nothing was changed"});
  auto key = KeyPair::generate(Curve::p384);
  if (!key) return failed({key.error().code, key.error().why});
  UnixSeconds now = Clock::system().unix_now();
  CaSpec spec{o.trust_domain, "meshd root " + format_time(now).substr(0, 10),
              valid_for(now, int64_t{o.days} * 86400)};
  auto root = issue_root(*key, spec);
  if (!root) return failed({root.error().code, root.error().why});
  if (auto saved = save_key_file(o.key, *key, nullptr); !saved) return failed(saved.error());
  if (auto saved = write_file(o.cert, root->to_pem(), {.mode = 0644}); !saved) return failed(saved.error());
  say("root of " + o.trust_domain + " until " + format_time(root->not_after()) + ", " + pin_of(*root));
  say("keep " + o.key + " where no network reaches it; " + o.cert + " is public");
  return print(o.cert + "\n");
}

// Before there is a server: what `meshd init --ca-key` takes, and the request for its certificate.
int request_on_files(const std::string& path) {
  harden_process();
  if (exists(path)) return failed({Errc::conflict, path + " exists; nothing was changed"});
  auto key = KeyPair::generate();
  auto csr = key ? make_csr(*key) : Result<std::string>(fail(key.error()));
  if (!csr) return failed({csr.error().code, csr.error().why});
  if (auto saved = save_key_file(path, *key, nullptr); !saved) return failed(saved.error());
  say("where the root key is: meshd ca sign-intermediate REQUEST --cert root.crt --key root.key > chain.crt; "
      "then here: meshd init --ca-cert chain.crt --ca-key " +
      path + " …");
  return print(*csr);
}

struct SignOptions {
  std::string cert, key, csr = "-", trust_domain;
  uint32_t days = kIssuingLifetime / 86400;
  int path_length = 0;
};

// The CA's own URI names the domain; where an organisation's root has none, the operator does.
Outcome<std::string> domain_for(const Certificate& ca, const std::string& given) {
  if (!given.empty()) return given;
  constexpr std::string_view kScheme = "spiffe://";
  for (const std::string& uri : ca.uris())
    if (uri.starts_with(kScheme)) return uri.substr(kScheme.size());
  return fail(Errc::invalid_argument, "this CA names no trust domain; give --trust-domain");
}

int sign_intermediate(Globals&, const SignOptions& o) {
  harden_process();
  auto ca = read_ca_import(o.cert, o.key, nullptr);
  if (!ca) return failed(ca.error());
  auto domain = domain_for(ca->chain.leaf(), o.trust_domain);
  if (!domain) return failed(domain.error());
  auto csr = read_text(o.csr, kCsrBytesMax);
  if (!csr) return failed(csr.error());
  auto key = public_key_of_csr(*csr);
  if (!key) return failed({key.error().code, std::string("the request cannot be used: ") + key.error().why});
  UnixSeconds now = Clock::system().unix_now();
  CaSpec spec{*domain, "meshd issuing " + format_time(now).substr(0, 10),
              valid_for(now, int64_t{o.days} * 86400), o.path_length};
  auto made = issue_intermediate({ca->key, ca->chain.leaf()}, *key, spec);
  if (!made) return failed({made.error().code, made.error().why});
  say("signed for " + *domain + " until " + format_time(made->not_after()) +
      "; carry it to the server, and there: meshd ca install FILE");
  // With all that stands above it: what the server needs to show to those who know only the root.
  std::string pem = made->to_pem();
  return print(pem + ca->chain.to_pem());
}

}  // namespace

void add_ca_files(CLI::App& ca, Globals& globals) {
  auto r = std::make_shared<RootOptions>();
  auto* root = ca.add_subcommand("root", "Make a root on files, to be kept away from the mesh");
  root->add_option("--trust-domain", r->trust_domain, "Of the mesh it is for")->required();
  root->add_option("--cert", r->cert, "Where the certificate goes")->capture_default_str();
  root->add_option("--key", r->key, "Where the key goes")->capture_default_str();
  root->add_option("--days", r->days, "How long it lives")
      ->check(CLI::Range(1u, 7300u))
      ->capture_default_str();
  root->callback([&globals, r] { globals.action = [&globals, r] { return make_root(globals, *r); }; });

  auto path = std::make_shared<std::string>();
  auto* key = ca.add_subcommand("new-request", "Make an issuing key on a file, and print the request for it");
  key->add_option("key", *path, "Where the key goes")->required();
  key->callback([&globals, path] { globals.action = [path] { return request_on_files(*path); }; });

  auto s = std::make_shared<SignOptions>();
  auto* sign = ca.add_subcommand("sign-intermediate", "Sign a server's request, where the root key is");
  sign->add_option("csr", s->csr, "The request, from `meshd ca request`; - for standard input")
      ->capture_default_str();
  sign->add_option("--cert", s->cert, "The CA's certificate, then each issuer up to the root")->required();
  sign->add_option("--key", s->key, "The CA's key")->required();
  sign->add_option("--days", s->days, "How long it lives")
      ->check(CLI::Range(1u, 3650u))
      ->capture_default_str();
  sign->add_option("--path-length", s->path_length, "CAs that may stand below it; 0: it signs leaves")
      ->check(CLI::Range(0, 2))
      ->capture_default_str();
  sign->add_option("--trust-domain", s->trust_domain, "Of the mesh, where the CA's certificate names none");
  sign->callback(
      [&globals, s] { globals.action = [&globals, s] { return sign_intermediate(globals, *s); }; });
}

}  // namespace meshd::cli
