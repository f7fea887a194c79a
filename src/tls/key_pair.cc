// SPDX-License-Identifier: Apache-2.0
#include "tls/key_pair.h"

#include "base/file.h"
#include "tls/mbed.h"
#include "tls/pem.h"

namespace meshd {
namespace {

std::unexpected<Error> bad(const char* why) { return fail(Errc::invalid_argument, Side::self, why); }

}  // namespace

Result<PublicKey> PublicKey::from_der(std::string_view spki) {
  Pk pk;
  auto* p = const_cast<unsigned char*>(bytes_of(spki));
  const unsigned char* end = p + spki.size();
  if (mbedtls_pk_parse_subpubkey(&p, end, &pk.ctx) != 0 || p != end)
    return bad("the public key is malformed or of an unknown kind");
  auto curve = curve_of(pk.ctx);
  if (!curve) return fail(curve.error());
  const mbedtls_ecp_keypair* ec = mbedtls_pk_ec(pk.ctx);
  if (mbedtls_ecp_check_pubkey(&ec->grp, &ec->Q) != 0)
    return bad("the public key is not a point of its curve");
  // Written again: one key has one spelling, compressed points do not survive.
  auto der = spki_of(pk.ctx);
  if (!der) return fail(der.error());
  return PublicKey(std::move(*der), *curve);
}

bool PublicKey::verify(std::string_view message, std::string_view signature) const {
  Pk pk;
  auto* p = const_cast<unsigned char*>(bytes_of(der_));
  if (mbedtls_pk_parse_subpubkey(&p, p + der_.size(), &pk.ctx) != 0) return false;
  mbedtls_md_type_t md = digest_for(curve_);
  const mbedtls_md_info_t* info = mbedtls_md_info_from_type(md);
  unsigned char hash[MBEDTLS_MD_MAX_SIZE];
  return mbedtls_md(info, bytes_of(message), message.size(), hash) == 0 &&
         mbedtls_pk_verify(&pk.ctx, md, hash, mbedtls_md_get_size(info), bytes_of(signature),
                           signature.size()) == 0;
}

KeyPair::KeyPair(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KeyPair::KeyPair(KeyPair&&) noexcept = default;
KeyPair& KeyPair::operator=(KeyPair&&) noexcept = default;
KeyPair::~KeyPair() = default;

Result<KeyPair> KeyPair::generate(Curve curve) {
  auto impl = std::make_unique<Impl>();
  mbedtls_pk_context& pk = impl->pk.ctx;
  auto group = curve == Curve::p256 ? MBEDTLS_ECP_DP_SECP256R1 : MBEDTLS_ECP_DP_SECP384R1;
  if (mbedtls_pk_setup(&pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) != 0 ||
      mbedtls_ecp_gen_key(group, mbedtls_pk_ec(pk), mbed_random, nullptr) != 0)
    return fail(Errc::internal, Side::self, "cannot generate a key");
  return KeyPair(std::move(impl));
}

Result<KeyPair> KeyPair::from_pem(std::string_view pem) {
  auto blocks = parse_pem(pem);
  if (!blocks) return fail(blocks.error());
  auto impl = std::make_unique<Impl>();
  bool found = false, parsed = false;
  for (PemBlock& block : *blocks) {
    if (!found && (block.label == "EC PRIVATE KEY" || block.label == "PRIVATE KEY")) {
      found = true;
      parsed = mbedtls_pk_parse_key(&impl->pk.ctx, bytes_of(block.der), block.der.size(), nullptr, 0,
                                    mbed_random, nullptr) == 0;
    }
    wipe(block.der);
  }
  if (!found) return bad("no unencrypted private key in this PEM text");
  if (!parsed) return bad("the private key is malformed");
  auto curve = curve_of(impl->pk.ctx);
  if (!curve) return fail(curve.error());
  if (mbedtls_pk_check_pair(&impl->pk.ctx, &impl->pk.ctx, mbed_random, nullptr) != 0)
    return bad("the private key does not fit the public key beside it");
  return KeyPair(std::move(impl));
}

std::string KeyPair::to_pem() const {
  std::string buffer(256, '\0');  // P-384 needs 167
  auto* start = reinterpret_cast<unsigned char*>(buffer.data());
  int n = mbedtls_pk_write_key_der(&impl_->pk.ctx, start, buffer.size());
  std::string pem;
  if (n > 0)
    pem = meshd::to_pem("EC PRIVATE KEY",
                        std::string_view(buffer).substr(buffer.size() - static_cast<size_t>(n)));
  wipe(buffer);
  return pem;
}

PublicKey KeyPair::public_key() const {
  auto der = spki_of(impl_->pk.ctx);
  // A key that was generated or parsed here can be written and read again.
  return PublicKey::from_der(der.value()).value();
}

Curve KeyPair::curve() const { return curve_of(impl_->pk.ctx).value(); }

Result<std::string> KeyPair::sign(std::string_view message) const {
  mbedtls_md_type_t md = digest_for(curve());
  const mbedtls_md_info_t* info = mbedtls_md_info_from_type(md);
  unsigned char hash[MBEDTLS_MD_MAX_SIZE];
  unsigned char signature[MBEDTLS_PK_SIGNATURE_MAX_SIZE];
  size_t size = 0;
  if (mbedtls_md(info, bytes_of(message), message.size(), hash) != 0 ||
      mbedtls_pk_sign(impl_->pk.shared(), md, hash, mbedtls_md_get_size(info), signature, sizeof signature,
                      &size, mbed_random, nullptr) != 0)
    return fail(Errc::internal, Side::self, "cannot sign");
  return std::string(reinterpret_cast<char*>(signature), size);
}

}  // namespace meshd
