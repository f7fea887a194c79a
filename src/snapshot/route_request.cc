// SPDX-License-Identifier: Apache-2.0
// route_request.cc: the outbound side of decide(): which route, which arm of its split, which endpoints.
// Reads facts.method, path, headers, random. Next: the proxy's balancer, with live state.
#include "snapshot/decide.h"

namespace meshd {

const Destination* pick_split(const Route& route, uint64_t random) {
  if (route.weight_total == 0) return nullptr;
  // The high half of the product is uniform in [0, total) without a division (Lemire 2019).
  uint64_t at = static_cast<uint64_t>(static_cast<unsigned __int128>(random) * route.weight_total >> 64);
  for (const Destination& d : route.to) {
    if (at < d.weight) return &d;
    at -= d.weight;
  }
  return nullptr;
}

Routing route_request(const ServiceEntry& to, const RequestFacts& facts) {
  Routing out;
  out.route = to.route_table.find(facts);
  if (!out.route) return out;
  if (facts.is_http()) out.timeout = out.route->timeout;
  if (!out.route->status.empty()) {
    out.reason = Errc::denied;
    return out;
  }
  // A route that answers itself sends nothing: it needs no endpoint.
  if (out.route->actions != nullptr && out.route->actions->answers()) {
    out.reason = facts.is_http() ? Errc::ok : Errc::unsupported;
    return out;
  }
  out.to = pick_split(*out.route, spread(*out.route, facts));
  if (out.to) out.candidates = out.to->endpoints;
  out.reason = out.candidates.empty() ? Errc::no_endpoint : Errc::ok;
  return out;
}

}  // namespace meshd
