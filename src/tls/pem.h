// SPDX-License-Identifier: Apache-2.0
// pem.h: DER in text armour (RFC 7468, strict: one label, 64 columns out, nothing but whitespace between blocks).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace meshd {

// "-----BEGIN label-----" … "-----END label-----\n".
std::string to_pem(std::string_view label, std::string_view der);

struct PemBlock {
  std::string label;
  std::string der;
};
// Every block of `text`, in order. Text before, between and after blocks (as `openssl x509 -text` writes it) is
// skipped. Errors: invalid_argument for a block that does not end, or is not base64.
Result<std::vector<PemBlock>> parse_pem(std::string_view text);

}  // namespace meshd
