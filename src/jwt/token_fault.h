// SPDX-License-Identifier: Apache-2.0
// token_fault.h: why a token is refused. The token itself is in no message: whoever reads one may use it.
#pragma once
#include <cstdint>
#include <string_view>

namespace meshd {

// In the order in which they are found, so that of two issuers' reasons the later one says more.
enum class TokenFault : uint8_t {
  malformed,  // not a signed token in compact form, or over a limit
  issuer,     // none that we know
  no_keys,    // the issuer's keys have not been fetched yet
  key,        // not signed with a key that its issuer has
  algorithm,  // not the one of the key
  signature,
  audience,
  early,    // `nbf` is to come
  expired,  // `exp` has passed
};

// For metrics and logs: "malformed", "unknown-issuer", …
std::string_view name_of(TokenFault fault);
// For people: "the token has expired". A literal.
const char* text_of(TokenFault fault);

}  // namespace meshd
