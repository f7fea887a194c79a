// mbedtls_build_test.cc: the mbedTLS that tools/deps builds is the one we mean.
// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <mbedtls/build_info.h>
#include <psa/crypto.h>

#include <array>
#include <cstdint>

TEST_CASE("mbedTLS is a 3.6 LTS with the fixes that SVID verification needs") {
  STATIC_REQUIRE(MBEDTLS_VERSION_NUMBER >= 0x03060600);
  STATIC_REQUIRE(MBEDTLS_VERSION_NUMBER < 0x03070000);
}

TEST_CASE("mbedTLS speaks TLS 1.3 only, on sockets that are ours") {
#if defined(MBEDTLS_SSL_PROTO_TLS1_2) || defined(MBEDTLS_SSL_PROTO_DTLS)
  FAIL("an older protocol is compiled in");
#endif
#if defined(MBEDTLS_USE_PSA_CRYPTO)
  FAIL("the record layer would set its key up for every record");
#endif
#if defined(MBEDTLS_FS_IO) || defined(MBEDTLS_NET_C)
  FAIL("mbedTLS can open files or sockets by itself");
#endif
}

TEST_CASE("an X25519 key pair has the public key and shared secret of RFC 7748 section 6.1") {
  using Point = std::array<uint8_t, 32>;
  const Point alice = {0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1,
                       0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0,
                       0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a};
  const Point alice_public = {0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b, 0x7d,
                              0xdc, 0xb4, 0x3e, 0xf7, 0x5a, 0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38,
                              0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a};
  const Point bob_public = {0xde, 0x9e, 0xdb, 0x7d, 0x7b, 0x7d, 0xc1, 0xb4, 0xd3, 0x5b, 0x61,
                            0xc2, 0xec, 0xe4, 0x35, 0x37, 0x3f, 0x83, 0x43, 0xc8, 0x5b, 0x78,
                            0x67, 0x4d, 0xad, 0xfc, 0x7e, 0x14, 0x6f, 0x88, 0x2b, 0x4f};
  const Point shared = {0x4a, 0x5d, 0x9d, 0x5b, 0xa4, 0xce, 0x2d, 0xe1, 0x72, 0x8e, 0x3b,
                        0xf4, 0x80, 0x35, 0x0f, 0x25, 0xe0, 0x7e, 0x21, 0xc9, 0x47, 0xd1,
                        0x9e, 0x33, 0x76, 0xf0, 0x9b, 0x3c, 0x1e, 0x16, 0x17, 0x42};

  REQUIRE(psa_crypto_init() == PSA_SUCCESS);
  psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
  psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_DERIVE);
  psa_set_key_algorithm(&attributes, PSA_ALG_ECDH);
  psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_MONTGOMERY));
  psa_key_id_t key = 0;
  REQUIRE(psa_import_key(&attributes, alice.data(), alice.size(), &key) == PSA_SUCCESS);

  Point out{};
  size_t length = 0;
  CHECK(psa_export_public_key(key, out.data(), out.size() - 1, &length) == PSA_ERROR_BUFFER_TOO_SMALL);
  REQUIRE(psa_export_public_key(key, out.data(), out.size(), &length) == PSA_SUCCESS);
  CHECK(out == alice_public);
  REQUIRE(psa_raw_key_agreement(PSA_ALG_ECDH, key, bob_public.data(), bob_public.size(), out.data(),
                                out.size(), &length) == PSA_SUCCESS);
  CHECK(out == shared);
  CHECK(psa_destroy_key(key) == PSA_SUCCESS);
}
