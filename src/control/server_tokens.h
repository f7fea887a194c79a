// SPDX-License-Identifier: Apache-2.0
// server_tokens.h: makes join tokens. The secret is given out once and only its hash is kept.
#pragma once
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "ca/token.h"
#include "store/store.h"

namespace meshd {

inline constexpr UnixSeconds kTokenLifetime = 3600;  // when nothing is said: time to walk to the machine
inline constexpr UnixSeconds kTokenLifetimeMax = 30LL * 86400;

struct TokenOrder {
  std::string control;  // "ip:port" that the joiner dials
  std::string pin;      // of the root
  std::string trust_domain;
  UnixSeconds lifetime = kTokenLifetime;
  std::optional<std::string> node;  // only for this name; it may also take the place of a node that has it
  std::string who;                  // for the audit log
};

struct MadeToken {
  std::string text;  // the caller wipes it
  std::string id;
  UnixSeconds expires = 0;
};

// Errors: invalid_argument (lifetime, node name), those of the store.
Outcome<MadeToken> make_token(store::Store& store, const Clock& clock, const TokenOrder& order);

// A node's name: a DNS label, so that it can stand in host names and in SPIFFE IDs.
bool valid_node_name(std::string_view name);

}  // namespace meshd
