// SPDX-License-Identifier: Apache-2.0
#include "proxy/lease.h"

#include "proxy/data_plane.h"

namespace meshd {

bool take(Exchange& x, const Endpoint& e, bool own_connection) {
  EndpointState& state = x.plane.states().of(e.id);
  if (state.node_load && !state.node_load->take(e.service->limits, own_connection)) return false;
  x.endpoint = &e;
  x.load = &state;
  x.node_load = state.node_load.get();
  x.own_connection = own_connection;
  state.taken(x.plane.loop().now());
  return true;
}

void give_back(Exchange& x) {
  EndpointState* state = std::exchange(x.load, nullptr);
  if (state == nullptr) return;
  if (NodeLoad* load = std::exchange(x.node_load, nullptr)) {
    load->leave(x.own_connection);
    if (x.endpoint->service->limits.pending != 0) x.plane.waits().freed(x.endpoint->service->name);
  }
  state->left();
}

Pick pick_for(Exchange& x, const Tried& tried, bool own_connection) {
  EndpointSet& set = x.plane.endpoints(x.snapshot, *x.routing.to);
  Pick p = pick(set, {tried, x.routing.key, own_connection}, x.plane.random(), x.plane.loop().now());
  if (p.panic && p.member != nullptr) x.plane.count_panic(x.routing.to->service->name);
  return p;
}

void refuse_full(Exchange& x, const char* limit) {
  x.plane.count_full(x.routing.to->service->name, limit);
  x.detail = "service=" + x.routing.to->service->name + " limit=" + limit;
}

}  // namespace meshd
