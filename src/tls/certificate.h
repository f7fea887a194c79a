// SPDX-License-Identifier: Apache-2.0
// certificate.h: X.509 certificates as immutable values. Parsing says nothing about trust: see verify_svid.h.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "tls/key_pair.h"

namespace meshd {

class Certificate {
 public:
  // Errors: invalid_argument (garbage, trailing bytes, an unknown critical extension).
  static Result<Certificate> from_der(std::string_view der);
  // The first certificate of `pem`.
  static Result<Certificate> from_pem(std::string_view pem);

  std::string to_pem() const;
  std::string_view der() const;

  UnixSeconds not_before() const;
  UnixSeconds not_after() const;
  // Lower-case hex, no leading zero byte.
  std::string serial() const;
  // SHA-256 over the DER, lower-case hex: what `openssl x509 -fingerprint -sha256` shows without its colons.
  std::string fingerprint() const;
  // For people: "O=meshd, CN=…"; may be empty.
  std::string subject() const;
  // URI subject alternative names, in order.
  std::vector<std::string> uris() const;
  bool is_ca() const;
  // Subject and issuer are one name: a root, if its signature holds.
  bool is_self_issued() const;
  // How many CAs may stand between this CA and a leaf; nothing: any number.
  std::optional<int> path_length() const;
  // Errors: invalid_argument unless it is an EC key on P-256 or P-384.
  Result<PublicKey> public_key() const;

  friend bool operator==(const Certificate& a, const Certificate& b) { return a.der() == b.der(); }

  struct Impl;  // mbed.h
  const Impl& impl() const { return *impl_; }
  explicit Certificate(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<const Impl> impl_;  // shared by copies
};

// Leaf first, then each issuer; the root is usually left out.
class CertificateChain {
 public:
  CertificateChain() = default;
  explicit CertificateChain(std::vector<Certificate> certificates) : certificates_(std::move(certificates)) {}
  // All certificates of `pem`, at least one, at most kChainMax.
  static Result<CertificateChain> from_pem(std::string_view pem);

  std::string to_pem() const;
  bool empty() const { return certificates_.empty(); }
  size_t size() const { return certificates_.size(); }
  const Certificate& leaf() const { return certificates_.front(); }
  const std::vector<Certificate>& certificates() const { return certificates_; }
  void push(Certificate c) { certificates_.push_back(std::move(c)); }

 private:
  std::vector<Certificate> certificates_;
};

// A leaf, an issuing certificate, a root, and room for cross-signing during root rotation.
inline constexpr size_t kChainMax = 8;

}  // namespace meshd
