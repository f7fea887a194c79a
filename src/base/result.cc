// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

namespace meshd {

std::string_view name_of(Errc code) {
  switch (code) {
    case Errc::ok: return "ok";
    case Errc::internal: return "internal";
    case Errc::invalid_argument: return "invalid-argument";
    case Errc::not_found: return "not-found";
    case Errc::conflict: return "conflict";
    case Errc::permission: return "permission";
    case Errc::io: return "io";
    case Errc::closed: return "closed";
    case Errc::reset: return "reset";
    case Errc::refused: return "refused";
    case Errc::unreachable: return "unreachable";
    case Errc::timeout: return "timeout";
    case Errc::slow_head: return "slow-head";
    case Errc::stalled: return "stalled";
    case Errc::idle: return "idle";
    case Errc::flood: return "flood";
    case Errc::cancelled: return "cancelled";
    case Errc::limit: return "limit";
    case Errc::protocol: return "protocol";
    case Errc::head_too_large: return "head-too-large";
    case Errc::target_too_long: return "target-too-long";
    case Errc::body_too_large: return "body-too-large";
    case Errc::unsupported_version: return "unsupported-version";
    case Errc::unsupported: return "unsupported";
    case Errc::tls: return "tls";
    case Errc::identity: return "identity";
    case Errc::denied: return "denied";
    case Errc::unauthenticated: return "unauthenticated";
    case Errc::no_route: return "no-route";
    case Errc::no_endpoint: return "no-endpoint";
    case Errc::overload: return "overload";
    case Errc::rate_limited: return "rate-limited";
    case Errc::draining: return "draining";
    case Errc::resolve: return "resolve";
    case Errc::exhausted: return "exhausted";
  }
  return "internal";
}

std::string_view name_of(Side side) {
  switch (side) {
    case Side::self: return "self";
    case Side::client: return "client";
    case Side::upstream: return "upstream";
  }
  return "self";
}

}  // namespace meshd
