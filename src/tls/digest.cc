// SPDX-License-Identifier: Apache-2.0
#include "tls/digest.h"

#include <mbedtls/sha1.h>
#include <mbedtls/sha256.h>
extern "C" {  // this one does not say so itself
#include <mbedtls/constant_time.h>
}

#include "base/encode.h"

namespace meshd {

std::string sha256(std::string_view bytes) {
  std::string out(32, '\0');
  // Fails only where hardware does; there is none behind it here.
  mbedtls_sha256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                 reinterpret_cast<unsigned char*>(out.data()), 0);
  return out;
}

std::string sha256_hex(std::string_view bytes) { return to_hex(sha256(bytes)); }

std::string sha1(std::string_view bytes) {
  std::string out(20, '\0');
  mbedtls_sha1(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
               reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && mbedtls_ct_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace meshd
