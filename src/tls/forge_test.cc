// SPDX-License-Identifier: Apache-2.0
#include "tls/forge_test.h"

#include <algorithm>

#include "tls/mbed.h"

namespace meshd {
namespace {

constexpr std::string_view kEcdsaSha1{"\x2a\x86\x48\xce\x3d\x04\x01", 7};
constexpr std::string_view kEcdsaSha256{"\x2a\x86\x48\xce\x3d\x04\x03\x02", 8};
constexpr std::string_view kEcdsaSha384{"\x2a\x86\x48\xce\x3d\x04\x03\x03", 8};

std::string name(const std::string& common) {
  if (common.empty()) return der(0x30, "");
  return der(0x30, der(0x31, der(0x30, der(0x06, "\x55\x04\x03") + der(0x0c, common))));
}

std::string time(UnixSeconds t) {
  std::string text = format_time(t);
  std::erase_if(text, [](char c) { return c < '0' || c > '9'; });
  return der(0x18, text + "Z");
}

std::string sign_sha1(const KeyPair& key, std::string_view message) {
  unsigned char hash[20], signature[160];
  size_t size = 0;
  mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA1), bytes_of(message), message.size(), hash);
  mbedtls_pk_sign(key.impl().pk.shared(), MBEDTLS_MD_SHA1, hash, sizeof hash, signature, sizeof signature,
                  &size, mbed_random, nullptr);
  return {reinterpret_cast<char*>(signature), size};
}

}  // namespace

std::string der(unsigned char tag, std::string_view content) {
  std::string out(1, static_cast<char>(tag));
  size_t n = content.size();
  if (n < 128)
    out += static_cast<char>(n);
  else
    out.append("\x82").append(1, static_cast<char>(n >> 8)).append(1, static_cast<char>(n));
  // A length of 128 to 255 has a shorter form, which DER demands.
  if (n >= 128 && n < 256) out = std::string(1, static_cast<char>(tag)) + "\x81" + static_cast<char>(n);
  return out.append(content);
}

std::string extension(std::string_view oid, bool critical, std::string_view value) {
  return der(0x30, der(0x06, oid) + (critical ? der(0x01, "\xff") : "") + der(0x04, value));
}

std::string alt_names(const std::vector<Name>& names, bool critical) {
  std::string list;
  for (const Name& n : names) list += der(n.kind == 'U' ? 0x86 : 0x82, n.text);
  return extension("\x55\x1d\x11", critical, der(0x30, list));
}

std::string basic_constraints(bool ca, int path_length) {
  std::string body;
  if (ca) body = der(0x01, "\xff");
  if (path_length >= 0) body += der(0x02, std::string(1, static_cast<char>(path_length)));
  return extension("\x55\x1d\x13", true, der(0x30, body));
}

std::string key_usage(unsigned char bits, bool critical) {
  int unused = 0;
  while (unused < 7 && (bits >> unused & 1) == 0) ++unused;
  std::string body{static_cast<char>(unused), static_cast<char>(bits)};
  return extension("\x55\x1d\x0f", critical, der(0x03, body));
}

std::string extended_usage(bool server, bool client) {
  std::string list;
  if (server) list += der(0x06, "\x2b\x06\x01\x05\x05\x07\x03\x01");
  if (client) list += der(0x06, "\x2b\x06\x01\x05\x05\x07\x03\x02");
  return extension("\x55\x1d\x25", false, der(0x30, list));
}

std::string unknown_critical() {
  return extension("\x2b\x06\x01\x04\x01\x83\xb1\x7f\x01", true, der(0x05, ""));
}

std::string write(const Spec& spec, const KeyPair& key) {
  std::string_view oid = spec.sha1 ? kEcdsaSha1 : key.curve() == Curve::p256 ? kEcdsaSha256 : kEcdsaSha384;
  std::string algorithm = der(0x30, der(0x06, oid));
  std::string extensions;
  for (const std::string& e : spec.extensions) extensions += e;
  std::string tbs;
  if (spec.version > 1) tbs += der(0xa0, der(0x02, std::string(1, static_cast<char>(spec.version - 1))));
  tbs += der(0x02, "\x01\x02\x03\x04") + algorithm + name(spec.issuer) +
         der(0x30, time(spec.validity.not_before) + time(spec.validity.not_after)) + name(spec.subject) +
         spec.spki;
  if (!extensions.empty()) tbs += der(0xa3, der(0x30, extensions));
  tbs = der(0x30, tbs);
  std::string signature = spec.sha1 ? sign_sha1(key, tbs) : key.sign(tbs).value();
  return der(0x30, tbs + algorithm + der(0x03, std::string(1, '\0') + signature));
}

World::World()
    : root_key(KeyPair::generate().value()),
      issuing_key(KeyPair::generate().value()),
      leaf_key(KeyPair::generate().value()) {
  Validity now{kNow - 1000, kNow + 1000};
  root = {"root", "root", now, root_key.public_key().der(), {basic_constraints(true), key_usage(kCertSign)}};
  issuing = {"issuing",
             "root",
             now,
             issuing_key.public_key().der(),
             {basic_constraints(true, 0), key_usage(kCertSign | kCrlSign)}};
  leaf = {"",
          "issuing",
          now,
          leaf_key.public_key().der(),
          {basic_constraints(false), key_usage(kSign), extended_usage(true, true),
           alt_names({{'U', "spiffe://td.example/ns/a/sa/b"}})}};
}

Result<CertificateChain> World::chain() const {
  auto l = Certificate::from_der(write(leaf, issuing_key));
  if (!l) return fail(l.error());
  auto i = Certificate::from_der(write(issuing, root_key));
  if (!i) return fail(i.error());
  return CertificateChain({*l, *i});
}

TrustBundle World::bundle() const {
  return TrustBundle::make("td.example", {Certificate::from_der(write(root, root_key)).value()}).value();
}

}  // namespace meshd
