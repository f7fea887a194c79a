// SPDX-License-Identifier: Apache-2.0
#include "control/server_tokens.h"

#include "base/file.h"
#include "base/json.h"

namespace meshd {

bool valid_node_name(std::string_view name) {
  if (name.empty() || name.size() > 63 || name.front() == '-' || name.back() == '-') return false;
  for (char c : name)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
  return true;
}

Outcome<MadeToken> make_token(store::Store& store, const Clock& clock, const TokenOrder& order) {
  if (order.lifetime < 1 || order.lifetime > kTokenLifetimeMax)
    return fail(Errc::invalid_argument, "a token lives from one second to 30 days");
  if (order.node && !valid_node_name(*order.node))
    return fail(
        Errc::invalid_argument,
        "'" + *order.node + "' cannot be a node's name: lower-case letters, digits and hyphens, at most 63");
  JoinToken token = JoinToken::make(order.control, order.pin, order.trust_domain);
  MadeToken made{token.to_text(), token.id, clock.unix_now() + order.lifetime};
  store::TokenRecord record;
  record.id = token.id;
  record.secret_hash = secret_hash(token.secret);
  record.expires_at = made.expires;
  record.node = order.node;
  record.created_by = order.who;
  wipe(token.secret);
  auto done = store.transact([&]() -> Outcome<> {
    if (auto ok = store.tokens().create(record); !ok) return ok;
    JsonObject detail;
    detail["id"] = json(record.id);
    detail["expires"] = json(record.expires_at);
    if (record.node) detail["node"] = json(*record.node);
    auto noted = store.audit().append({order.who, "token.create", to_text(Json(std::move(detail)))});
    if (!noted) return fail(std::move(noted.error()));
    return {};
  });
  if (!done) {
    wipe(made.text);
    return fail(std::move(done.error()));
  }
  return made;
}

}  // namespace meshd
