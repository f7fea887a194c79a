// SPDX-License-Identifier: Apache-2.0
#include "tls/key_seal.h"

#include <mbedtls/gcm.h>
#include <mbedtls/hkdf.h>

#include "base/file.h"
#include "base/random.h"
#include "tls/mbed.h"
#include "tls/pem.h"

namespace meshd {
namespace {

constexpr std::string_view kLabel = "MESHD SEALED KEY";
constexpr std::string_view kPurpose = "meshd keys at rest, 1";
constexpr char kVersion = 1;
constexpr size_t kKeyBytes = 32, kNonceBytes = 12, kTagBytes = 16;

std::unexpected<Error> bad(const char* why) { return fail(Errc::invalid_argument, Side::self, why); }

struct Gcm {
  mbedtls_gcm_context ctx;
  Gcm() { mbedtls_gcm_init(&ctx); }
  Gcm(const Gcm&) = delete;
  Gcm& operator=(const Gcm&) = delete;
  ~Gcm() { mbedtls_gcm_free(&ctx); }
  bool set_key(std::string_view key) {
    return mbedtls_gcm_setkey(&ctx, MBEDTLS_CIPHER_ID_AES, bytes_of(key), kKeyBytes * 8) == 0;
  }
};

unsigned char* out_of(std::string& s) { return reinterpret_cast<unsigned char*>(s.data()); }

}  // namespace

Result<KeySeal> KeySeal::from_secret(std::string_view secret) {
  if (secret.size() < kHostSecretMin) return bad("a host key has at least 32 bytes");
  crypto_ready();
  std::string key(kKeyBytes, '\0');
  if (mbedtls_hkdf(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), nullptr, 0, bytes_of(secret), secret.size(),
                   bytes_of(kPurpose), kPurpose.size(), out_of(key), key.size()) != 0)
    return fail(Errc::internal, Side::self, "cannot derive a key");
  return KeySeal(std::move(key));
}

KeySeal::~KeySeal() { wipe(key_); }

bool KeySeal::is_sealed(std::string_view pem) {
  return pem.find("-----BEGIN MESHD SEALED KEY-----") != std::string_view::npos;
}

// version, nonce, ciphertext, tag; the role is authenticated with it.
std::string KeySeal::seal(std::string_view text, std::string_view role) const {
  std::string sealed(1, kVersion);
  // Random nonces are safe for 2^32 sealings with one key (NIST SP 800-38D 8.3); a machine makes a few a day.
  std::string nonce = random_bytes(kNonceBytes);
  sealed += nonce;
  std::string body(text.size(), '\0'), tag(kTagBytes, '\0');
  Gcm gcm;
  if (!gcm.set_key(key_) ||
      mbedtls_gcm_crypt_and_tag(&gcm.ctx, MBEDTLS_GCM_ENCRYPT, text.size(), bytes_of(nonce), nonce.size(),
                                bytes_of(role), role.size(), bytes_of(text), out_of(body), tag.size(),
                                out_of(tag)) != 0)
    return {};
  return to_pem(kLabel, sealed + body + tag);
}

Result<std::string> KeySeal::open(std::string_view pem, std::string_view role) const {
  auto blocks = parse_pem(pem);
  if (!blocks) return fail(blocks.error());
  if (blocks->size() != 1 || blocks->front().label != kLabel) return bad("this is not one sealed key");
  std::string_view sealed = blocks->front().der;
  if (sealed.size() < 1 + kNonceBytes + kTagBytes || sealed.front() != kVersion)
    return bad("the sealed key is cut short or of another version");
  std::string_view nonce = sealed.substr(1, kNonceBytes);
  std::string_view tag = sealed.substr(sealed.size() - kTagBytes);
  std::string_view body = sealed.substr(1 + kNonceBytes, sealed.size() - 1 - kNonceBytes - kTagBytes);
  std::string text(body.size(), '\0');
  Gcm gcm;
  if (!gcm.set_key(key_) ||
      mbedtls_gcm_auth_decrypt(&gcm.ctx, body.size(), bytes_of(nonce), nonce.size(), bytes_of(role),
                               role.size(), bytes_of(tag), tag.size(), bytes_of(body), out_of(text)) != 0) {
    wipe(text);
    return bad("the sealed key does not open: another host key sealed it, or it was changed");
  }
  return text;
}

}  // namespace meshd
