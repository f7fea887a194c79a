// SPDX-License-Identifier: Apache-2.0
// principal.h: who calls, as the file names it. Its identity's text is made in snapshot/identity.h.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace meshd::model {

struct Principal {
  enum Kind : uint8_t { service, node, any } kind = service;
  std::string name;  // of the service or node
  SourcePos at;
  friend bool operator==(const Principal& a, const Principal& b) {
    return a.kind == b.kind && a.name == b.name;
  }
};

// "service/web", "node/n1", "gateway", "*": as the file writes it.
std::string text_of(const Principal& principal);
// The way back; "web" is service/web. nullopt: it is none.
std::optional<Principal> parse_principal(std::string_view text);

}  // namespace meshd::model
