// SPDX-License-Identifier: Apache-2.0
// join_token: JoinToken::parse. "{…": the JSON inside, armoured here with its checksum, which no fuzzer would hit.
#include "base/encode.h"
#include "ca/token.h"
#include "fuzz.h"
#include "tls/digest.h"

namespace meshd::fuzz {

FUZZ_TARGET(join_token) {
  std::string text(bytes);
  if (bytes.starts_with('{')) text = "meshd1." + to_base64url(text + sha256(text).substr(0, 4));
  auto token = JoinToken::parse(text);
  if (!token) {
    must(!token.error().what.empty(), "a refusal without a reason");
    return;
  }
  must(token->secret.size() == 32 && token->id.size() == 16, "a token without its secret or id");
  for (const std::string* part : {&token->server, &token->pin, &token->trust_domain, &token->id})
    for (char c : *part)
      must(static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f,
           "a part of a token that is not printable", *part);
  auto again = JoinToken::parse(token->to_text());
  must(again.has_value(), "a token's own text is refused", again ? "" : again.error().what);
  must(again->server == token->server && again->pin == token->pin && again->id == token->id &&
           again->trust_domain == token->trust_domain && again->secret == token->secret,
       "a token reads differently");
}

}  // namespace meshd::fuzz
