// SPDX-License-Identifier: Apache-2.0
// verify_key.h: the public keys of token issuers, as JSON Web Keys spell them (RFC 7518 section 6).
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/result.h"

namespace meshd {

// RFC 7518 section 3.1. What a key can verify follows from its kind.
enum class JwsAlgorithm : uint8_t { rs256, es256 };
std::string_view name_of(JwsAlgorithm algorithm);

inline constexpr size_t kRsaBitsMin = 2048;  // RFC 7518 section 3.3
inline constexpr size_t kRsaBitsMax = 8192;  // a verification costs the square of this

// Never changes; copies share it, and every loop may use it at once.
class VerifyKey {
 public:
  // Modulus and exponent, big-endian; zero octets before them are skipped. Errors: invalid_argument.
  static Result<VerifyKey> rsa(std::string_view n, std::string_view e);
  // The coordinates of a point of P-256, 32 octets each. Errors: invalid_argument.
  static Result<VerifyKey> p256(std::string_view x, std::string_view y);

  JwsAlgorithm algorithm() const;
  // RSASSA-PKCS1-v1_5 or ECDSA, with SHA-256; an ECDSA signature is R and S in 64 octets (RFC 7518 section 3.4).
  bool verify(std::string_view message, std::string_view signature) const;

 private:
  struct Impl;
  explicit VerifyKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace meshd
