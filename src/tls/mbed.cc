// SPDX-License-Identifier: Apache-2.0
#include "tls/mbed.h"

#include <psa/crypto.h>
#include <sys/random.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>

#include "base/encode.h"

namespace meshd {

void crypto_ready() {
  // TLS 1.3's key schedule runs on PSA. If it cannot start there is no randomness, and nothing safe can follow.
  static const bool ready = [] {
    if (psa_crypto_init() != PSA_SUCCESS) std::abort();
    return true;
  }();
  (void)ready;
}

int mbed_random(void*, unsigned char* out, size_t n) {
  while (n > 0) {
    ssize_t got = getrandom(out, n, 0);
    if (got < 0 && errno != EINTR) std::abort();
    if (got > 0) {
      out += got;
      n -= static_cast<size_t>(got);
    }
  }
  return 0;
}

bool CrtList::push(std::string_view der) {
  if (mbedtls_x509_crt_parse_der(&head, bytes_of(der), der.size()) != 0) return false;
  empty = false;
  return true;
}

Result<Curve> curve_of(const mbedtls_pk_context& pk) {
  if (mbedtls_pk_get_type(&pk) == MBEDTLS_PK_ECKEY) {
    switch (mbedtls_pk_ec(pk)->grp.id) {
      case MBEDTLS_ECP_DP_SECP256R1: return Curve::p256;
      case MBEDTLS_ECP_DP_SECP384R1: return Curve::p384;
      default: break;
    }
  }
  return fail(Errc::invalid_argument, Side::self, "the key is not an elliptic-curve key on P-256 or P-384");
}

Result<std::string> spki_of(const mbedtls_pk_context& pk) {
  unsigned char buffer[256];  // P-384 needs 120
  int n = mbedtls_pk_write_pubkey_der(&pk, buffer, sizeof buffer);
  if (n <= 0) return fail(Errc::internal, Side::self, "cannot encode the public key");
  return std::string(reinterpret_cast<char*>(buffer + sizeof buffer - n), static_cast<size_t>(n));
}

std::string serial_of(const mbedtls_x509_crt& crt) {
  std::string_view raw = view_of(crt.serial);
  while (raw.size() > 1 && raw.front() == '\0') raw.remove_prefix(1);
  return to_hex(raw);
}

UnixSeconds unix_of(const mbedtls_x509_time& t) {
  using namespace std::chrono;
  auto days =
      sys_days(year(t.year) / month(static_cast<unsigned>(t.mon)) / day(static_cast<unsigned>(t.day)));
  return days.time_since_epoch().count() * 86400LL + t.hour * 3600 + t.min * 60 + t.sec;
}

}  // namespace meshd
