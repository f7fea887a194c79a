// SPDX-License-Identifier: Apache-2.0
// semantic_fields.h: the steps that check_request and check_response share. Only they include it.
#pragma once
#include <cstdint>

#include "http/semantics.h"

namespace meshd {

// Fields that mean something to a hop; which of them a head has.
enum Special : uint32_t {
  kHasHost = 1 << 0,
  kHasConnection = 1 << 1,
  kHasTe = 1 << 2,
  kHasTransferEncoding = 1 << 3,
  kHasContentLength = 1 << 4,
  kHasUpgrade = 1 << 5,
  kHasExpect = 1 << 6,
  kHasKeepAlive = 1 << 7,
  kHasProxyConnection = 1 << 8,
  kHasHttp2Settings = 1 << 9,
};

// Syntax, sizes and count of all fields (field_scan.cc). Gives the specials seen, or'ed.
Result<uint32_t> scan_fields(const Fields& fields, HttpVersion version, Side side);

// Content-Length and Transfer-Encoding into body, length, has_length (framing.cc). body: none where neither is there.
Result<> read_framing(const Fields& fields, uint32_t seen, HttpVersion version, Side side, Framing& framing);

// Reads Connection (keep_alive), keeps a wanted Upgrade in `upgrade`, then removes the hop-by-hop fields, those
// Connection names, and the framing (hop_by_hop.cc). `upgrade` is empty where there is none to honour.
Result<> remove_hop_by_hop(Fields& fields, uint32_t seen, HttpVersion version, Side side, Framing& framing,
                           std::string* upgrade);

// One protocol by name or name/version, of Upgrade or :protocol. h2c is never switched to: it would carry requests past
// every check.
bool is_wanted_upgrade(std::string_view value);

// Splits an HTTP/1 request-target or HTTP/2's pseudo-header fields into authority and normal path (target.cc).
Result<> check_target(RequestHead& head, uint32_t seen, RequestRules rules);

}  // namespace meshd
