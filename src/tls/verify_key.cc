// SPDX-License-Identifier: Apache-2.0
#include "tls/verify_key.h"

#include "tls/mbed.h"  // first of the library's: it opens the structures

#include <mbedtls/ecdsa.h>
#include <mbedtls/rsa.h>
#include <mbedtls/sha256.h>

namespace meshd {
namespace {

constexpr size_t kExponentBytesMax = 8;
constexpr size_t kCoordinate = 32;

std::unexpected<Error> bad(const char* why) { return fail(Errc::invalid_argument, Side::self, why); }

std::string_view without_zeros(std::string_view number) {
  while (!number.empty() && number.front() == '\0') number.remove_prefix(1);
  return number;
}

struct Number {
  mbedtls_mpi n;
  Number() { mbedtls_mpi_init(&n); }
  Number(const Number&) = delete;
  Number& operator=(const Number&) = delete;
  ~Number() { mbedtls_mpi_free(&n); }
  bool read(std::string_view bytes) {
    return mbedtls_mpi_read_binary(&n, bytes_of(bytes), bytes.size()) == 0;
  }
};

}  // namespace

std::string_view name_of(JwsAlgorithm algorithm) {
  return algorithm == JwsAlgorithm::rs256 ? "RS256" : "ES256";
}

struct VerifyKey::Impl {
  JwsAlgorithm algorithm;
  // The library asks for mutable contexts where it only reads; RSA's keeps what it derives, under a lock of its own.
  mutable mbedtls_rsa_context rsa;
  mutable mbedtls_ecp_group group;
  mbedtls_ecp_point point;

  explicit Impl(JwsAlgorithm a) : algorithm(a) {
    mbedtls_rsa_init(&rsa);
    mbedtls_ecp_group_init(&group);
    mbedtls_ecp_point_init(&point);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    mbedtls_rsa_free(&rsa);
    mbedtls_ecp_group_free(&group);
    mbedtls_ecp_point_free(&point);
  }
};

Result<VerifyKey> VerifyKey::rsa(std::string_view n, std::string_view e) {
  n = without_zeros(n);
  e = without_zeros(e);
  if (n.size() > kRsaBitsMax / 8 || e.empty() || e.size() > kExponentBytesMax || (e.back() & 1) == 0)
    return bad("the RSA key is too large, or its exponent is no odd number of 64 bits");
  auto impl = std::make_shared<Impl>(JwsAlgorithm::rs256);
  if (mbedtls_rsa_import_raw(&impl->rsa, bytes_of(n), n.size(), nullptr, 0, nullptr, 0, nullptr, 0,
                             bytes_of(e), e.size()) != 0 ||
      mbedtls_rsa_complete(&impl->rsa) != 0 || mbedtls_rsa_check_pubkey(&impl->rsa) != 0)
    return bad("these numbers are no RSA key");
  if (mbedtls_rsa_get_bitlen(&impl->rsa) < kRsaBitsMin) return bad("the RSA key has less than 2048 bits");
  return VerifyKey(std::move(impl));
}

Result<VerifyKey> VerifyKey::p256(std::string_view x, std::string_view y) {
  if (x.size() != kCoordinate || y.size() != kCoordinate)
    return bad("a coordinate of a P-256 key has 32 octets");
  auto impl = std::make_shared<Impl>(JwsAlgorithm::es256);
  std::string uncompressed = "\x04";
  uncompressed.append(x).append(y);
  if (mbedtls_ecp_group_load(&impl->group, MBEDTLS_ECP_DP_SECP256R1) != 0 ||
      mbedtls_ecp_point_read_binary(&impl->group, &impl->point, bytes_of(uncompressed),
                                    uncompressed.size()) != 0 ||
      mbedtls_ecp_check_pubkey(&impl->group, &impl->point) != 0)
    return bad("these coordinates are no point of P-256");
  return VerifyKey(std::move(impl));
}

JwsAlgorithm VerifyKey::algorithm() const { return impl_->algorithm; }

bool VerifyKey::verify(std::string_view message, std::string_view signature) const {
  unsigned char hash[32];
  if (mbedtls_sha256(bytes_of(message), message.size(), hash, 0) != 0) return false;
  if (impl_->algorithm == JwsAlgorithm::rs256)
    return signature.size() == mbedtls_rsa_get_len(&impl_->rsa) &&
           mbedtls_rsa_rsassa_pkcs1_v15_verify(&impl_->rsa, MBEDTLS_MD_SHA256, sizeof hash, hash,
                                               bytes_of(signature)) == 0;
  Number r, s;
  return signature.size() == 2 * kCoordinate && r.read(signature.substr(0, kCoordinate)) &&
         s.read(signature.substr(kCoordinate)) &&
         mbedtls_ecdsa_verify(&impl_->group, hash, sizeof hash, &impl_->point, &r.n, &s.n) == 0;
}

}  // namespace meshd
