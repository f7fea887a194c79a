// SPDX-License-Identifier: Apache-2.0
#include "tls/csr.h"

#include "tls/mbed.h"
#include "tls/pem.h"

namespace meshd {
namespace {

std::unexpected<Error> bad(const char* why) { return fail(Errc::invalid_argument, Side::client, why); }

struct Csr {
  mbedtls_x509_csr ctx;
  Csr() { mbedtls_x509_csr_init(&ctx); }
  Csr(const Csr&) = delete;
  Csr& operator=(const Csr&) = delete;
  ~Csr() { mbedtls_x509_csr_free(&ctx); }
};

// Has the holder of the private key signed this request, and with a digest worth it?
bool signature_holds(mbedtls_x509_csr& csr) {
  if (csr.sig_md != MBEDTLS_MD_SHA256 && csr.sig_md != MBEDTLS_MD_SHA384 && csr.sig_md != MBEDTLS_MD_SHA512)
    return false;
  if (csr.sig_pk != MBEDTLS_PK_ECDSA) return false;
  const mbedtls_md_info_t* info = mbedtls_md_info_from_type(csr.sig_md);
  unsigned char hash[MBEDTLS_MD_MAX_SIZE];
  if (mbedtls_md(info, csr.cri.p, csr.cri.len, hash) != 0) return false;
  return mbedtls_pk_verify_ext(csr.sig_pk, csr.sig_opts, &csr.pk, csr.sig_md, hash, mbedtls_md_get_size(info),
                               csr.sig.p, csr.sig.len) == 0;
}

}  // namespace

Result<std::string> make_csr(const KeyPair& key) {
  mbedtls_x509write_csr csr;
  mbedtls_x509write_csr_init(&csr);
  mbedtls_x509write_csr_set_key(&csr, key.impl().pk.shared());
  mbedtls_x509write_csr_set_md_alg(&csr, digest_for(key.curve()));
  // Our parser asks for some subject; nobody reads it.
  unsigned char buffer[1024];
  int n = mbedtls_x509write_csr_set_subject_name(&csr, "CN=meshd");
  if (n == 0) n = mbedtls_x509write_csr_der(&csr, buffer, sizeof buffer, mbed_random, nullptr);
  mbedtls_x509write_csr_free(&csr);
  if (n <= 0) return fail(Errc::internal, Side::self, "cannot write a certificate request");
  return to_pem("CERTIFICATE REQUEST",
                {reinterpret_cast<char*>(buffer + sizeof buffer - n), static_cast<size_t>(n)});
}

Result<PublicKey> public_key_of_csr(std::string_view csr) {
  if (csr.size() > kCsrBytesMax) return bad("the certificate request is larger than 16 KiB");
  std::string der(csr);
  if (csr.find("-----BEGIN ") != std::string_view::npos) {
    auto blocks = parse_pem(csr);
    if (!blocks) return bad(blocks.error().why);
    if (blocks->size() != 1 || blocks->front().label != "CERTIFICATE REQUEST")
      return bad("this is not one PEM block CERTIFICATE REQUEST");
    der = std::move(blocks->front().der);
  }
  Csr request;
  if (mbedtls_x509_csr_parse_der(&request.ctx, bytes_of(der), der.size()) != 0)
    return bad("the certificate request is malformed");
  auto curve = curve_of(request.ctx.pk);
  if (!curve) return bad(curve.error().why);
  if (!signature_holds(request.ctx))
    return bad("the certificate request is not signed by its own key with SHA-2");
  auto spki = spki_of(request.ctx.pk);
  if (!spki) return bad(spki.error().why);
  auto key = PublicKey::from_der(*spki);
  if (!key) return bad(key.error().why);
  return key;
}

}  // namespace meshd
