// SPDX-License-Identifier: Apache-2.0
// key_pair.h: private keys, and the public halves that certificates carry.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace meshd {

enum class Curve : uint8_t { p256, p384 };

// An elliptic-curve public key on P-256 or P-384, known to be a point of its curve.
class PublicKey {
 public:
  // SubjectPublicKeyInfo (RFC 5480). Errors: invalid_argument for other kinds of key and for garbage.
  static Result<PublicKey> from_der(std::string_view spki);

  // Did this key's private half sign `message` (KeyPair::sign)?
  bool verify(std::string_view message, std::string_view signature) const;

  const std::string& der() const { return der_; }
  Curve curve() const { return curve_; }
  friend bool operator==(const PublicKey&, const PublicKey&) = default;

 private:
  PublicKey(std::string der, Curve curve) : der_(std::move(der)), curve_(curve) {}
  std::string der_;
  Curve curve_;
};

// An ECDSA key. Wiped from memory on destruction. Safe to use from several threads once made.
class KeyPair {
 public:
  static Result<KeyPair> generate(Curve curve = Curve::p256);
  // "EC PRIVATE KEY" (SEC 1) or "PRIVATE KEY" (PKCS #8), unencrypted.
  static Result<KeyPair> from_pem(std::string_view pem);

  KeyPair(KeyPair&&) noexcept;
  KeyPair& operator=(KeyPair&&) noexcept;
  ~KeyPair();

  // "EC PRIVATE KEY". The caller wipes it (base/file.h).
  std::string to_pem() const;
  PublicKey public_key() const;
  Curve curve() const;
  // ECDSA over SHA-256 (P-256) or SHA-384 (P-384) of `message`, DER.
  Result<std::string> sign(std::string_view message) const;

  struct Impl;  // mbed.h
  const Impl& impl() const { return *impl_; }

 private:
  explicit KeyPair(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace meshd
