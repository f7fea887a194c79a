// SPDX-License-Identifier: Apache-2.0
// lease.h: an exchange at an endpoint: what it takes there, and gives back.
#pragma once
#include "proxy/exchange.h"

namespace meshd {

// From now on `x` is under way at `e`; `own_connection`: on a connection that nobody shares. False: its limits leave no
// room, because another loop was faster.
bool take(Exchange& x, const Endpoint& e, bool own_connection);
// It no longer is; nothing happens where it was not.
void give_back(Exchange& x);

// What is picked for `x` now, among the endpoints of its arm. Counts panics.
Pick pick_for(Exchange& x, const Tried& tried, bool own_connection);
// Why nothing is: `last` is what it fails with, and it is counted.
void refuse_full(Exchange& x, const char* limit);

}  // namespace meshd
