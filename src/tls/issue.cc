// SPDX-License-Identifier: Apache-2.0
#include "tls/issue.h"

#include <algorithm>
#include <climits>

#include "tls/mbed.h"

namespace meshd {
namespace {

constexpr unsigned kDigitalSignature = MBEDTLS_X509_KU_DIGITAL_SIGNATURE;
constexpr unsigned kCaUsage = MBEDTLS_X509_KU_KEY_CERT_SIGN | MBEDTLS_X509_KU_CRL_SIGN;
constexpr int kAnyPathLength = -1;
constexpr int kNotCa = -2;

std::unexpected<Error> bad(const char* why) { return fail(Errc::invalid_argument, Side::self, why); }
std::unexpected<Error> broken() { return fail(Errc::internal, Side::self, "cannot write the certificate"); }

// One DER element (X.690 8.1): tag, length, content.
std::string der(unsigned char tag, std::string_view content) {
  std::string out(1, static_cast<char>(tag));
  size_t n = content.size();
  if (n < 128) {
    out += static_cast<char>(n);
  } else {
    out += n < 256 ? "\x81" : "\x82";
    if (n >= 256) out += static_cast<char>(n >> 8);
    out += static_cast<char>(n);
  }
  return out.append(content);
}
constexpr unsigned char kSequence = 0x30, kOid = 0x06, kBoolean = 0x01, kInteger = 0x02;
constexpr unsigned char kUriName = 0x86;        // GeneralName [6]
constexpr unsigned char kKeyIdentifier = 0x80;  // AuthorityKeyIdentifier [0]

// One certificate on its way to being written.
class Writer {
 public:
  Writer() {
    crypto_ready();
    mbedtls_x509write_crt_init(&crt_);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { mbedtls_x509write_crt_free(&crt_); }

  bool extension(std::string_view oid, bool critical, std::string_view value) {
    return mbedtls_x509write_crt_set_extension(&crt_, oid.data(), oid.size(), critical ? 1 : 0,
                                               bytes_of(value), value.size()) == 0;
  }

  bool subject_key(const PublicKey& key) {
    auto* p = const_cast<unsigned char*>(bytes_of(key.der()));
    if (mbedtls_pk_parse_subpubkey(&p, p + key.der().size(), &subject_.ctx) != 0) return false;
    mbedtls_x509write_crt_set_subject_key(&crt_, &subject_.ctx);
    return mbedtls_x509write_crt_set_subject_key_identifier(&crt_) == 0;
  }

  // 128 bits with the first two fixed to 01: positive, never a leading zero byte (RFC 5280 4.1.2.2).
  bool random_serial() {
    unsigned char serial[16];
    mbed_random(nullptr, serial, sizeof serial);
    serial[0] = static_cast<unsigned char>((serial[0] & 0x3f) | 0x40);
    return mbedtls_x509write_crt_set_serial_raw(&crt_, serial, sizeof serial) == 0;
  }

  bool validity(Validity v) {
    return mbedtls_x509write_crt_set_validity(&crt_, compact(v.not_before).c_str(),
                                              compact(v.not_after).c_str()) == 0;
  }

  bool subject_name(const std::string& text) {
    return mbedtls_x509write_crt_set_subject_name(&crt_, text.c_str()) == 0;
  }
  bool issuer_name(const std::string& text) {
    return mbedtls_x509write_crt_set_issuer_name(&crt_, text.c_str()) == 0;
  }
  // Copies the issuer's subject attribute by attribute, with each string's type: names must match byte for byte.
  // The library writes its list from back to front, and storing puts each new attribute in front.
  bool issuer_name(const mbedtls_x509_name& subject) {
    for (const mbedtls_x509_name* n = &subject; n != nullptr && n->oid.p != nullptr; n = n->next) {
      auto* oid = reinterpret_cast<const char*>(n->oid.p);
      mbedtls_asn1_named_data* stored =
          mbedtls_asn1_store_named_data(&crt_.issuer, oid, n->oid.len, n->val.p, n->val.len);
      if (stored == nullptr) return false;
      stored->val.tag = n->val.tag;
    }
    return true;
  }

  // What a certificate may do. `path_length` is kNotCa, kAnyPathLength, or a number.
  bool usage(unsigned key_usage, int path_length) {
    std::string constraints;
    if (path_length != kNotCa) constraints = der(kBoolean, "\xff");
    if (path_length >= 0) constraints += der(kInteger, std::string(1, static_cast<char>(path_length)));
    return extension(kBasicConstraints, true, der(kSequence, constraints)) &&
           mbedtls_x509write_crt_set_key_usage(&crt_, key_usage) == 0;
  }
  bool uri(std::string_view text, bool critical) {
    return extension(kSubjectAltName, critical, der(kSequence, der(kUriName, text)));
  }
  bool server_and_client() {
    std::string server = der(kOid, {MBEDTLS_OID_SERVER_AUTH, sizeof(MBEDTLS_OID_SERVER_AUTH) - 1});
    std::string client = der(kOid, {MBEDTLS_OID_CLIENT_AUTH, sizeof(MBEDTLS_OID_CLIENT_AUTH) - 1});
    return extension(kExtendedKeyUsage, false, der(kSequence, server + client));
  }
  bool issuer_key_identifier(std::string_view id) {
    return extension(kAuthorityKeyIdentifier, false, der(kSequence, der(kKeyIdentifier, id)));
  }

  Result<Certificate> sign(const KeyPair& key) {
    mbedtls_x509write_crt_set_issuer_key(&crt_, key.impl().pk.shared());
    mbedtls_x509write_crt_set_md_alg(&crt_, digest_for(key.curve()));
    std::string buffer(8192, '\0');  // an id has at most 2048 bytes, names a few hundred
    auto* start = reinterpret_cast<unsigned char*>(buffer.data());
    int n = mbedtls_x509write_crt_der(&crt_, start, buffer.size(), mbed_random, nullptr);
    if (n <= 0) return broken();
    return Certificate::from_der(std::string_view(buffer).substr(buffer.size() - static_cast<size_t>(n)));
  }

 private:
  static constexpr std::string_view kBasicConstraints{MBEDTLS_OID_BASIC_CONSTRAINTS};
  static constexpr std::string_view kSubjectAltName{MBEDTLS_OID_SUBJECT_ALT_NAME};
  static constexpr std::string_view kExtendedKeyUsage{MBEDTLS_OID_EXTENDED_KEY_USAGE};
  static constexpr std::string_view kAuthorityKeyIdentifier{MBEDTLS_OID_AUTHORITY_KEY_IDENTIFIER};

  // "20261123183930": what the library wants, made from RFC 3339.
  static std::string compact(UnixSeconds t) {
    std::string text = format_time(t);
    std::erase_if(text, [](char c) { return c < '0' || c > '9'; });
    return text;
  }

  mbedtls_x509write_cert crt_;
  Pk subject_;
};

std::string ca_name(const CaSpec& spec) { return "O=meshd,CN=" + spec.name; }

const char* problem_of(const CaSpec& spec) {
  if (!valid_trust_domain(spec.trust_domain)) return "the trust domain is not 1 to 255 of [a-z0-9._-]";
  bool plain = !spec.name.empty() && spec.name.size() <= 64 && std::ranges::all_of(spec.name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ' ||
           c == '.' || c == '-' || c == '_';
  });
  if (!plain) return "a CA's name has 1 to 64 letters, digits, spaces, dots, dashes and underscores";
  return nullptr;
}

// No certificate outlives what vouches for it.
Validity within(Validity v, const Certificate& issuer) {
  return {v.not_before, std::min(v.not_after, issuer.not_after())};
}

// The steps that everything signed by an issuer has in common.
Result<Certificate> signed_by(const Issuer& issuer, Writer& w) {
  const mbedtls_x509_crt& crt = issuer.certificate.impl().crt;
  bool written = w.random_serial() && w.issuer_name(crt.subject);
  if (written && crt.subject_key_id.len > 0) written = w.issuer_key_identifier(view_of(crt.subject_key_id));
  if (!written) return broken();
  auto certificate = w.sign(*issuer.key);
  if (certificate && view_of(certificate->impl().crt.issuer_raw) != view_of(crt.subject_raw))
    return bad("the issuer's name has a form that cannot be copied");
  return certificate;
}

}  // namespace

Result<Certificate> issue_root(const KeyPair& key, const CaSpec& spec) {
  if (const char* why = problem_of(spec)) return bad(why);
  if (spec.validity.not_after <= spec.validity.not_before) return bad("the certificate would never be valid");
  Writer w;
  bool written = w.random_serial() && w.subject_key(key.public_key()) && w.subject_name(ca_name(spec)) &&
                 w.issuer_name(ca_name(spec)) && w.validity(spec.validity) &&
                 w.usage(kCaUsage, kAnyPathLength) && w.uri("spiffe://" + spec.trust_domain, false);
  if (!written) return broken();
  return w.sign(key);
}

Result<Certificate> issue_intermediate(const Issuer& root, const PublicKey& key, const CaSpec& spec) {
  if (const char* why = problem_of(spec)) return bad(why);
  if (!root.certificate.is_ca()) return bad("the issuer is not a CA");
  if (spec.path_length < 0 || root.certificate.path_length().value_or(INT_MAX) <= spec.path_length)
    return bad("the issuer's path length allows no such CA below it");
  Validity validity = within(spec.validity, root.certificate);
  if (validity.not_after <= validity.not_before) return bad("the certificate would never be valid");
  Writer w;
  bool written = w.subject_key(key) && w.subject_name(ca_name(spec)) && w.validity(validity) &&
                 w.usage(kCaUsage, spec.path_length) && w.uri("spiffe://" + spec.trust_domain, false);
  if (!written) return broken();
  return signed_by(root, w);
}

Result<Certificate> issue_leaf(const Issuer& issuer, const PublicKey& key, const LeafSpec& spec) {
  if (!issuer.certificate.is_ca()) return bad("the issuer is not a CA");
  auto id = SpiffeId::parse(spec.id.uri());
  if (!id || *id != spec.id) return bad("the id is not a canonical SPIFFE id");
  auto uris = issuer.certificate.uris();
  if (!uris.empty() && uris.front() != "spiffe://" + spec.id.trust_domain)
    return bad("the id is of another trust domain than the issuer");
  Validity validity = within(spec.validity, issuer.certificate);
  if (validity.not_after <= validity.not_before) return bad("the certificate would never be valid");
  Writer w;
  // Without a subject the alternative name is what names the holder, so it is critical (RFC 5280 4.2.1.6).
  bool written = w.subject_key(key) && w.validity(validity) && w.usage(kDigitalSignature, kNotCa) &&
                 w.server_and_client() && w.uri(spec.id.uri(), true);
  if (!written) return broken();
  return signed_by(issuer, w);
}

}  // namespace meshd
