// SPDX-License-Identifier: Apache-2.0
#include "tls/certificate.h"

#include "tls/digest.h"
#include "tls/mbed.h"
#include "tls/pem.h"

namespace meshd {
namespace {

constexpr std::string_view kLabel = "CERTIFICATE";

std::unexpected<Error> bad(const char* why) { return fail(Errc::invalid_argument, Side::self, why); }

}  // namespace

Result<Certificate> Certificate::from_der(std::string_view der) {
  auto impl = std::make_shared<Impl>();
  if (mbedtls_x509_crt_parse_der(&impl->crt, bytes_of(der), der.size()) != 0)
    return bad("the certificate is malformed, or has a critical extension that is not known here");
  if (impl->crt.raw.len != der.size()) return bad("bytes follow the certificate");
  return Certificate(std::move(impl));
}

Result<Certificate> Certificate::from_pem(std::string_view pem) {
  auto blocks = parse_pem(pem);
  if (!blocks) return fail(blocks.error());
  for (const PemBlock& block : *blocks)
    if (block.label == kLabel) return from_der(block.der);
  return bad("no certificate in this PEM text");
}

std::string Certificate::to_pem() const { return meshd::to_pem(kLabel, der()); }
std::string_view Certificate::der() const { return view_of(impl_->crt.raw); }
UnixSeconds Certificate::not_before() const { return unix_of(impl_->crt.valid_from); }
UnixSeconds Certificate::not_after() const { return unix_of(impl_->crt.valid_to); }
std::string Certificate::fingerprint() const { return sha256_hex(der()); }
bool Certificate::is_ca() const { return mbedtls_x509_crt_get_ca_istrue(&impl_->crt) == 1; }

std::string Certificate::serial() const { return serial_of(impl_->crt); }

bool Certificate::is_self_issued() const {
  return view_of(impl_->crt.issuer_raw) == view_of(impl_->crt.subject_raw);
}

std::optional<int> Certificate::path_length() const {
  // The library keeps the path length plus one, 0 for none.
  if (!is_ca() || impl_->crt.max_pathlen == 0) return std::nullopt;
  return impl_->crt.max_pathlen - 1;
}

std::string Certificate::subject() const {
  char text[512];
  int n = mbedtls_x509_dn_gets(text, sizeof text, &impl_->crt.subject);
  return n > 0 ? std::string(text, static_cast<size_t>(n)) : std::string();
}

std::vector<std::string> Certificate::uris() const {
  std::vector<std::string> out;
  if (mbedtls_x509_crt_has_ext_type(&impl_->crt, MBEDTLS_X509_EXT_SUBJECT_ALT_NAME) == 0) return out;
  constexpr int kUri = MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_X509_SAN_UNIFORM_RESOURCE_IDENTIFIER;
  for (const mbedtls_x509_sequence* s = &impl_->crt.subject_alt_names; s != nullptr; s = s->next)
    if (s->buf.tag == kUri) out.emplace_back(view_of(s->buf));
  return out;
}

Result<PublicKey> Certificate::public_key() const {
  auto curve = curve_of(impl_->crt.pk);
  if (!curve) return fail(curve.error());
  return PublicKey::from_der(view_of(impl_->crt.pk_raw));
}

Result<CertificateChain> CertificateChain::from_pem(std::string_view pem) {
  auto blocks = parse_pem(pem);
  if (!blocks) return fail(blocks.error());
  CertificateChain chain;
  for (const PemBlock& block : *blocks) {
    if (block.label != kLabel) continue;
    if (chain.size() == kChainMax)
      return fail(Errc::limit, Side::self, "more than 8 certificates in one chain");
    auto certificate = Certificate::from_der(block.der);
    if (!certificate) return fail(certificate.error());
    chain.push(std::move(*certificate));
  }
  if (chain.empty()) return bad("no certificate in this PEM text");
  return chain;
}

std::string CertificateChain::to_pem() const {
  std::string out;
  for (const Certificate& c : certificates_) out += c.to_pem();
  return out;
}

}  // namespace meshd
