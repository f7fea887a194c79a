// SPDX-License-Identifier: Apache-2.0
#include "tls/key_file.h"

namespace meshd {
namespace {

// "root.key", also of ".../root.key.prev": a file that is kept aside stays what it is.
std::string role_of(const std::string& path) {
  std::string name = path.substr(path.rfind('/') + 1);
  constexpr std::string_view kAside = ".prev";
  if (name.ends_with(kAside)) name.resize(name.size() - kAside.size());
  return name;
}

}  // namespace

Outcome<> save_key_file(const std::string& path, const KeyPair& key, const SharedSeal& seal, WriteMode mode) {
  std::string pem = key.to_pem();
  if (seal) {
    std::string sealed = seal->seal(pem, role_of(path));
    wipe(pem);
    pem = std::move(sealed);
  }
  if (pem.empty()) return fail(Errc::internal, "cannot write the key for " + path);
  auto saved = write_file(path, pem, mode);
  wipe(pem);
  return saved;
}

Outcome<SharedKey> read_key_file(const std::string& path, const SharedSeal& seal) {
  if (auto ours = check_private_file(path); !ours) return fail(std::move(ours.error()));
  auto pem = read_file(path, kPemFileMax);
  if (!pem) return fail(std::move(pem.error()));
  if (KeySeal::is_sealed(*pem)) {
    if (!seal)
      return fail(Errc::invalid_argument,
                  path +
                      " is sealed with a host key; name that with --host-key FILE, or as the systemd "
                      "credential meshd.host-key");
    auto opened = seal->open(*pem, role_of(path));
    if (!opened) return fail(opened.error().code, path + ": " + opened.error().why);
    *pem = std::move(*opened);
  }
  auto key = KeyPair::from_pem(*pem);
  wipe(*pem);
  if (!key) return fail(key.error().code, path + ": " + key.error().why + "; restore it from a backup");
  return std::make_shared<const KeyPair>(std::move(*key));
}

bool is_plain_key_file(const std::string& path) {
  auto pem = read_file(path, kPemFileMax);
  bool plain = pem && !KeySeal::is_sealed(*pem);
  if (pem) wipe(*pem);
  return plain;
}

Outcome<CertificateChain> read_chain_file(const std::string& path) {
  auto pem = read_file(path, kPemFileMax);
  if (!pem) return fail(std::move(pem.error()));
  auto chain = CertificateChain::from_pem(*pem);
  if (!chain) return fail(chain.error().code, path + ": " + chain.error().why + "; restore it from a backup");
  return std::move(*chain);
}

bool belongs(const KeyPair& key, const Certificate& certificate) {
  auto of = certificate.public_key();
  return of && *of == key.public_key();
}

}  // namespace meshd
