// SPDX-License-Identifier: Apache-2.0
#include "tls/verify_svid.h"

#include <algorithm>

#include "tls/mbed.h"
#include "tls/svid_check.h"

namespace meshd {
namespace {

constexpr uint32_t flag(int id) { return MBEDTLS_X509_ID_FLAG(id); }

// SHA-1 and short keys are refused on every certificate of the path. RSA is for imported roots.
constexpr mbedtls_x509_crt_profile kProfile = {
    flag(MBEDTLS_MD_SHA256) | flag(MBEDTLS_MD_SHA384) | flag(MBEDTLS_MD_SHA512),
    flag(MBEDTLS_PK_ECKEY) | flag(MBEDTLS_PK_ECDSA) | flag(MBEDTLS_PK_RSA) | flag(MBEDTLS_PK_RSASSA_PSS),
    flag(MBEDTLS_ECP_DP_SECP256R1) | flag(MBEDTLS_ECP_DP_SECP384R1),
    2048,
};

// Judged here instead: times by our own clock, the name by its SPIFFE id.
constexpr uint32_t kOurs =
    MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE | MBEDTLS_X509_BADCERT_CN_MISMATCH;

const char* problem_of_flags(uint32_t flags) {
  if ((flags & MBEDTLS_X509_BADCERT_BAD_MD) != 0)
    return "the peer's certificate is signed with a weak digest";
  if ((flags & (MBEDTLS_X509_BADCERT_BAD_PK | MBEDTLS_X509_BADCERT_BAD_KEY)) != 0)
    return "the peer's certificate has a weak or unknown key";
  if ((flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0)
    return "the peer's certificate is not signed by a trusted CA";
  return "the peer's certificate chain does not verify";
}

// The critical bit and value of an extension; nothing where it is missing.
struct Extension {
  bool critical = false;
  std::string_view value;
};
std::optional<Extension> find_extension(const mbedtls_x509_crt& crt, std::string_view oid) {
  unsigned char* p = crt.v3_ext.p;
  const unsigned char* end = p + crt.v3_ext.len;
  constexpr int kSequence = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE;
  size_t size = 0;
  if (p == nullptr || mbedtls_asn1_get_tag(&p, end, &size, kSequence) != 0) return std::nullopt;
  while (p < end && mbedtls_asn1_get_tag(&p, end, &size, kSequence) == 0) {
    unsigned char* next = p + size;
    if (mbedtls_asn1_get_tag(&p, next, &size, MBEDTLS_ASN1_OID) != 0) break;
    std::string_view name(reinterpret_cast<char*>(p), size);
    p += size;
    int critical = 0;
    (void)mbedtls_asn1_get_bool(&p, next, &critical);  // absent means false
    if (mbedtls_asn1_get_tag(&p, next, &size, MBEDTLS_ASN1_OCTET_STRING) != 0) break;
    if (name == oid) return Extension{critical != 0, {reinterpret_cast<char*>(p), size}};
    p = next;
  }
  return std::nullopt;
}

bool is_critical(const mbedtls_x509_crt& crt, std::string_view oid) {
  auto e = find_extension(crt, oid);
  return e && e->critical;
}

// URI names of the certificate: how many, and the first.
struct Uris {
  size_t count = 0;
  std::string_view first;
};
Uris uris_of(const mbedtls_x509_crt& crt) {
  Uris uris;
  if (mbedtls_x509_crt_has_ext_type(&crt, MBEDTLS_X509_EXT_SUBJECT_ALT_NAME) == 0) return uris;
  constexpr int kUri = MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_X509_SAN_UNIFORM_RESOURCE_IDENTIFIER;
  for (const mbedtls_x509_sequence* s = &crt.subject_alt_names; s != nullptr; s = s->next)
    if (s->buf.tag == kUri && uris.count++ == 0) uris.first = view_of(s->buf);
  return uris;
}

// Only what is listed: "any usage" would not do, and neither does a certificate that says nothing.
bool has_extended_usage(const mbedtls_x509_crt& crt, std::string_view oid) {
  if (mbedtls_x509_crt_has_ext_type(&crt, MBEDTLS_X509_EXT_EXTENDED_KEY_USAGE) == 0) return false;
  for (const mbedtls_x509_sequence* s = &crt.ext_key_usage; s != nullptr; s = s->next)
    if (view_of(s->buf) == oid) return true;
  return false;
}

}  // namespace

const mbedtls_x509_crt_profile& SvidCheck::profile() { return kProfile; }

int SvidCheck::on_certificate(void* self, mbedtls_x509_crt* crt, int depth, uint32_t* flags) {
  auto& check = *static_cast<SvidCheck*>(self);
  if (check.why_ == nullptr) check.why_ = check.problem_of(*crt, depth, *flags & ~kOurs);
  // BADCERT_OTHER makes the alert "access denied"; a fatal error holds even where verification is optional.
  *flags = check.why_ == nullptr ? 0 : MBEDTLS_X509_BADCERT_OTHER;
  return check.why_ == nullptr ? 0 : MBEDTLS_ERR_X509_FATAL_ERROR;
}

Result<SpiffeId> SvidCheck::result() const {
  if (why_ == nullptr && id_) return *id_;
  Side side = expect_.role == PeerRole::server ? Side::upstream : Side::client;
  return fail(Errc::identity, side, why_ != nullptr ? why_ : "the peer's certificate could not be checked");
}

const char* SvidCheck::problem_of(const mbedtls_x509_crt& crt, int depth, uint32_t flags) {
  if (flags != 0) return problem_of_flags(flags);
  if (crt.version != 3) return "the peer's chain has a certificate that is not X.509 version 3";
  if (unix_of(crt.valid_from) > expect_.now + expect_.ahead)
    return depth == 0 ? "the peer's certificate is not valid yet"
                      : "the peer's CA certificate is not valid yet";
  if (unix_of(crt.valid_to) < expect_.now)
    return depth == 0 ? "the peer's certificate has expired" : "the peer's CA certificate has expired";
  if (expect_.denied != nullptr && expect_.denied->has_serial(serial_of(crt)))
    return depth == 0 ? "the peer's certificate is revoked" : "the peer's CA certificate is revoked";
  return depth == 0 ? problem_of_leaf(crt) : problem_of_ca(crt, depth);
}

const char* SvidCheck::problem_of_ca(const mbedtls_x509_crt& crt, int depth) const {
  if (mbedtls_x509_crt_get_ca_istrue(&crt) != 1)
    return "the peer's certificate is signed by one that is no CA";
  if (mbedtls_x509_crt_has_ext_type(&crt, MBEDTLS_X509_EXT_KEY_USAGE) == 0 ||
      mbedtls_x509_crt_check_key_usage(&crt, MBEDTLS_X509_KU_KEY_CERT_SIGN) != 0)
    return "the peer's CA may not sign certificates";
  // The library keeps the path length plus one, 0 for none; `depth - 1` CAs stand below this one.
  if (crt.max_pathlen > 0 && depth - 1 > crt.max_pathlen - 1)
    return "the peer's chain is longer than its CA allows";
  // A signing certificate that names a trust domain names ours (X509-SVID 4.2).
  Uris uris = uris_of(crt);
  if (uris.count > 1 || (uris.count == 1 && uris.first != "spiffe://" + trust_domain_))
    return "the peer's CA is of another trust domain";
  return nullptr;
}

const char* SvidCheck::problem_of_leaf(const mbedtls_x509_crt& crt) {
  if (mbedtls_x509_crt_get_ca_istrue(&crt) == 1) return "the peer's certificate is a CA's";
  if (mbedtls_x509_crt_has_ext_type(&crt, MBEDTLS_X509_EXT_KEY_USAGE) == 0)
    return "the peer's certificate has no key usage";
  if (!is_critical(crt, MBEDTLS_OID_KEY_USAGE)) return "the peer's key usage is not critical";
  if ((crt.key_usage & MBEDTLS_X509_KU_DIGITAL_SIGNATURE) == 0) return "the peer's key may not sign";
  if ((crt.key_usage & (MBEDTLS_X509_KU_KEY_CERT_SIGN | MBEDTLS_X509_KU_CRL_SIGN)) != 0)
    return "the peer's key may sign certificates, which a workload's may not";
  bool usage = expect_.role == PeerRole::server
                   ? has_extended_usage(crt, {MBEDTLS_OID_SERVER_AUTH, sizeof(MBEDTLS_OID_SERVER_AUTH) - 1})
                   : has_extended_usage(crt, {MBEDTLS_OID_CLIENT_AUTH, sizeof(MBEDTLS_OID_CLIENT_AUTH) - 1});
  if (!usage) return "the peer's certificate is not for its side of a connection";
  if (!curve_of(crt.pk)) return "the peer's key is not on P-256 or P-384";

  Uris uris = uris_of(crt);
  if (uris.count == 0) return "the peer's certificate names no SPIFFE id";
  if (uris.count > 1) return "the peer's certificate has more than one URI";
  auto id = SpiffeId::parse(uris.first);
  if (!id) return id.error().why;
  if (id->trust_domain != trust_domain_) return "the peer is of another trust domain";
  if (expect_.denied != nullptr && expect_.denied->has_id(uris.first))
    return "the peer's identity is revoked";
  if (!expect_.ids.empty() && std::ranges::find(expect_.ids, *id) == expect_.ids.end())
    return "the peer is not who was expected";
  id_ = std::move(*id);
  return nullptr;
}

Result<SpiffeId> verify_svid(const CertificateChain& chain, const TrustBundle& bundle,
                             const Expectations& expect) {
  SvidCheck check(bundle.trust_domain(), expect);
  if (chain.empty() || chain.size() > kChainMax) return check.result();
  CrtList presented, roots;
  for (const Certificate& c : chain.certificates())
    if (!presented.push(c.der())) return check.result();
  for (const Certificate& root : bundle.roots())
    if (!roots.push(root.der())) return check.result();
  uint32_t flags = 0;
  int status =
      mbedtls_x509_crt_verify_with_profile(presented.shared(), roots.shared(), nullptr, &SvidCheck::profile(),
                                           nullptr, &flags, SvidCheck::on_certificate, &check);
  auto result = check.result();
  if (result && (status != 0 || flags != 0))
    return fail(Errc::identity, Side::self, "the peer's certificate chain does not verify");
  return result;
}

}  // namespace meshd
