// SPDX-License-Identifier: Apache-2.0
// jws.h: a signed token taken apart: JWS compact serialization (RFC 7515 section 7.1). Nothing in it is trusted yet.
#pragma once
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "jwt/token_fault.h"

namespace meshd {

inline constexpr size_t kTokenBytesMax = 16 * 1024;  // with hundreds of groups; a whole head has 64 KiB

struct Jws {
  std::string algorithm;           // as the header says
  std::optional<std::string> kid;  // as the header says
  std::string_view signing_input;  // of the text that was parsed
  std::string payload;
  std::string signature;
};

// Errors: malformed. Strict: three parts of base64url without padding, a header that is one JSON object without a member
// named twice, `alg` a text, and no `crit`: we understand no extension (section 4.1.11). What else the header offers of
// keys (jwk, jku, x5c, x5u) is not looked at.
std::expected<Jws, TokenFault> parse_jws(std::string_view compact);

}  // namespace meshd
