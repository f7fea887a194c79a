// SPDX-License-Identifier: Apache-2.0
#include "jwt/token_fault.h"

namespace meshd {

std::string_view name_of(TokenFault fault) {
  switch (fault) {
    case TokenFault::malformed: return "malformed";
    case TokenFault::issuer: return "unknown-issuer";
    case TokenFault::no_keys: return "no-keys";
    case TokenFault::key: return "unknown-key";
    case TokenFault::algorithm: return "wrong-algorithm";
    case TokenFault::signature: return "bad-signature";
    case TokenFault::audience: return "wrong-audience";
    case TokenFault::early: return "not-yet-valid";
    case TokenFault::expired: return "expired";
  }
  return "malformed";
}

const char* text_of(TokenFault fault) {
  switch (fault) {
    case TokenFault::malformed: return "the token is malformed";
    case TokenFault::issuer: return "the token is of an unknown issuer";
    case TokenFault::no_keys: return "the keys of the token's issuer are not known yet";
    case TokenFault::key: return "the token is not signed with a key of its issuer";
    case TokenFault::algorithm: return "the token's algorithm is not the one of its issuer's key";
    case TokenFault::signature: return "the token's signature is wrong";
    case TokenFault::audience: return "the token is for another audience";
    case TokenFault::early: return "the token is not valid yet";
    case TokenFault::expired: return "the token has expired";
  }
  return "the token is malformed";
}

}  // namespace meshd
