// SPDX-License-Identifier: Apache-2.0
// token.h: bearer tokens: who issues them (the file's `jwt`), what rules ask of them, and what a verified one says.
#pragma once
#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"

namespace meshd::model {

// Where an issuer's keys come from: a file, an address, or, where both are empty, what the issuer says of itself
// (OpenID Connect Discovery 1.0).
struct KeySource {
  std::string file;   // on the server, absolute
  std::string url;    // https
  std::string roots;  // PEM file on the server; empty: the system's
  std::chrono::milliseconds refresh{0};
  friend bool operator==(const KeySource&, const KeySource&) = default;
};

struct Issuer {
  SourcePos at;
  std::string name;                    // under `jwt`
  std::string issuer;                  // the `iss` claim
  std::vector<std::string> audiences;  // one of these must be in `aud`; empty: not looked at
  KeySource keys;
  std::string key_set;  // its keys, as the server got them last: a JWK Set; not of the file. Empty: none yet
};

// What a rule asks for: a token of this issuer, with all of these claims.
struct TokenMatch {
  SourcePos at;        // line 0: no token is asked for
  std::string issuer;  // its name under `jwt`
  SourcePos issuer_at;
  std::map<std::string, std::string> claims;
  bool wanted() const { return at.line != 0; }
};

// What a token says that was verified. A claim is a name and a text: of a list each item is one, numbers and flags are
// as JSON writes them, and the names of nested objects are joined by dots (realm_access.roles).
struct Token {
  std::vector<std::string> issuers;                         // names of those under `jwt` that it is good for
  std::vector<std::pair<std::string, std::string>> claims;  // sorted

  bool good_for(std::string_view issuer) const { return std::ranges::find(issuers, issuer) != issuers.end(); }
  bool says(std::string_view claim, std::string_view value) const {
    auto pair = [](const auto& c) { return std::pair<std::string_view, std::string_view>(c); };
    return std::ranges::binary_search(claims, std::pair(claim, value), {}, pair);
  }
  bool matches(const TokenMatch& wanted) const {
    return good_for(wanted.issuer) && std::ranges::all_of(wanted.claims, [this](const auto& claim) {
             return says(claim.first, claim.second);
           });
  }
};

// A token that says just what is asked for, as if it had been verified: for tests of the file and explanations.
inline Token token_saying(const TokenMatch& asked) {
  return {{asked.issuer}, {asked.claims.begin(), asked.claims.end()}};
}

}  // namespace meshd::model
