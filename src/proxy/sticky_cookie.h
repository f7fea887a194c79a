// SPDX-License-Identifier: Apache-2.0
// sticky_cookie.h: the cookie that keeps a session at its endpoint, where the service asks us to issue one.
#pragma once
#include "proxy/exchange.h"

namespace meshd {

// Sets it where the endpoint that answered is not the one that the request's cookie names, and nothing went wrong
// there. Its value is the endpoint's id: it tells nothing of where that is.
void add_sticky_cookie(const Exchange& x, ResponseHead& head);
// "NAME=0123456789abcdef; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax" (RFC 6265 section 4.1)
std::string sticky_cookie(const model::BalanceKey& key, EndpointId id, bool secure);

}  // namespace meshd
