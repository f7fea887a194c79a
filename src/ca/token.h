// SPDX-License-Identifier: Apache-2.0
// token.h: the join token, the one secret a person carries from the server to a new machine.
//
//   meshd1.<base64url of: JSON {"a":address,"d":trust domain,"i":id,"p":pin,"s":secret}, 4 bytes of its SHA-256>
//
// The pin lets the new node check the server before it says the secret; the checksum tells a copying slip from a
// refused token. The server keeps only secret_hash().
#pragma once
#include <string>
#include <string_view>

#include "base/result.h"

namespace meshd {

struct JoinToken {
  std::string server;  // "10.0.0.1:15012", "[fd00::1]:15012" or "mesh.example:15012"
  std::string pin;     // of the root: "sha256:<64 hex>"
  std::string trust_domain;
  std::string id;      // 16 hex digits: names the token in lists and logs
  std::string secret;  // 32 raw bytes

  // With a new id and secret.
  static JoinToken make(std::string server, std::string pin, std::string trust_domain);
  // Whitespace around the token is ignored. Errors: invalid_argument, one sentence that says what to do.
  static Outcome<JoinToken> parse(std::string_view text);

  std::string to_text() const;
};

// SHA-256 of the secret in hex: what is stored.
std::string secret_hash(std::string_view secret);
// Does `secret` have the stored hash? Constant time.
bool secret_matches(std::string_view secret, std::string_view stored_hash);

inline constexpr size_t kTokenBytesMax = 2048;

}  // namespace meshd
