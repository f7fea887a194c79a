// SPDX-License-Identifier: Apache-2.0
#include "proxy/sticky_cookie.h"

namespace meshd {

std::string sticky_cookie(const model::BalanceKey& key, EndpointId id, bool secure) {
  std::string out = key.name + '=';
  for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[id.value >> shift & 15];
  out += "; Path=" + (key.path.empty() ? "/" : key.path);
  if (key.ttl.count() > 0) out += "; Max-Age=" + std::to_string(key.ttl.count());
  return out + (secure ? "; Secure; HttpOnly; SameSite=Lax" : "; HttpOnly; SameSite=Lax");
}

void add_sticky_cookie(const Exchange& x, ResponseHead& head) {
  if (x.endpoint == nullptr || x.routing.to == nullptr || x.routing.to->service == nullptr) return;
  const model::BalanceKey& key = x.routing.to->service->balance->key;
  if (!key.issue || x.routing.key.named == x.endpoint || head.status >= 500) return;
  head.add("set-cookie", sticky_cookie(key, x.endpoint->id, x.request->head.scheme() == "https"));
}

}  // namespace meshd
