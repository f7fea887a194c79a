// SPDX-License-Identifier: Apache-2.0
// mbed.h: what the .cc files of this folder share of mbedTLS. Included by no header and nobody else.
#pragma once
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <mbedtls/asn1write.h>
#include <mbedtls/ecp.h>
#include <mbedtls/md.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>
#include <mbedtls/x509_csr.h>

#include <string>
#include <string_view>

#include "tls/certificate.h"
#include "tls/key_pair.h"

namespace meshd {

// Calls psa_crypto_init() once per process. Everything that makes keys or handshakes calls this first.
void crypto_ready();

// Randomness for mbedTLS, straight from getrandom(2): no state to share, lock, or copy by fork.
int mbed_random(void*, unsigned char* out, size_t n);

inline const unsigned char* bytes_of(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}
inline std::string_view view_of(const mbedtls_asn1_buf& b) {
  return {reinterpret_cast<const char*>(b.p), b.len};
}

// mbedtls_pk_context that frees itself.
struct Pk {
  mbedtls_pk_context ctx;
  Pk() { mbedtls_pk_init(&ctx); }
  Pk(const Pk&) = delete;
  Pk& operator=(const Pk&) = delete;
  ~Pk() { mbedtls_pk_free(&ctx); }  // wipes what it held
  // mbedTLS asks for mutable contexts where it only reads (the comb tables of our curves are static).
  mbedtls_pk_context* shared() const { return const_cast<mbedtls_pk_context*>(&ctx); }
};

struct KeyPair::Impl {
  Pk pk;
};

struct Certificate::Impl {
  mbedtls_x509_crt crt;
  Impl() { mbedtls_x509_crt_init(&crt); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { mbedtls_x509_crt_free(&crt); }
};

// Several certificates as the linked list that mbedTLS wants.
struct CrtList {
  mbedtls_x509_crt head;
  bool empty = true;
  CrtList() { mbedtls_x509_crt_init(&head); }
  CrtList(const CrtList&) = delete;
  CrtList& operator=(const CrtList&) = delete;
  ~CrtList() { mbedtls_x509_crt_free(&head); }
  // Appends a copy. False when the bytes do not parse, which a Certificate's always do.
  bool push(std::string_view der);
  mbedtls_x509_crt* shared() const { return empty ? nullptr : const_cast<mbedtls_x509_crt*>(&head); }
};

// The curve of an EC key on P-256 or P-384; invalid_argument for every other key.
Result<Curve> curve_of(const mbedtls_pk_context& pk);
// SubjectPublicKeyInfo, points uncompressed.
Result<std::string> spki_of(const mbedtls_pk_context& pk);
UnixSeconds unix_of(const mbedtls_x509_time& t);
// Lower-case hex without a leading zero byte, as Certificate::serial().
std::string serial_of(const mbedtls_x509_crt& crt);
// The digest that goes with a key of this curve.
inline mbedtls_md_type_t digest_for(Curve c) {
  return c == Curve::p256 ? MBEDTLS_MD_SHA256 : MBEDTLS_MD_SHA384;
}

}  // namespace meshd
