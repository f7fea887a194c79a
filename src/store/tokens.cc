// SPDX-License-Identifier: Apache-2.0
#include "store/tokens.h"

#include "store/database.h"

namespace meshd::store {

Outcome<> Tokens::create(const TokenRecord& t) {
  auto done = db_.prepare(
                     "INSERT INTO tokens (id, hash, created_at, expires_at, node, created_by) "
                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
                  .bind(t.id, Blob{t.secret_hash}, t.created_at != 0 ? t.created_at : clock_.unix_now(),
                        t.expires_at, t.node, t.created_by)
                  .run();
  if (!done) return fail(done.error());
  return {};
}

Outcome<bool> Tokens::consume(const TokenUse& use) {
  // One statement is test and mark at once: of any number of joiners with one token, one changes the row.
  auto done = db_.prepare(
                     "UPDATE tokens SET used_at = ?3, used_by = ?5 "
                     "WHERE id = ?1 AND hash = ?2 AND used_at IS NULL AND expires_at > ?3 "
                     "AND (node IS NULL OR node = ?4)")
                  .bind(use.id, Blob{use.secret_hash}, clock_.unix_now(), use.node, use.used_by)
                  .run();
  if (!done) return fail(done.error());
  return *done == 1;
}

Outcome<std::vector<TokenRecord>> Tokens::list() {
  auto query = db_.prepare(
      "SELECT id, hash, created_at, expires_at, node, created_by, used_at, used_by FROM tokens "
      "ORDER BY created_at DESC, id");
  std::vector<TokenRecord> all;
  for (;;) {
    auto row = query.step();
    if (!row) return fail(row.error());
    if (!*row) return all;
    all.push_back({.id = query.text(0),
                   .secret_hash = query.text(1),
                   .created_at = query.integer(2),
                   .expires_at = query.integer(3),
                   .node = query.maybe_text(4),
                   .created_by = query.text(5),
                   .used_at = query.maybe_integer(6),
                   .used_by = query.maybe_text(7)});
  }
}

Outcome<bool> Tokens::revoke(const std::string& id) {
  auto gone = db_.prepare("DELETE FROM tokens WHERE id = ?1 AND used_at IS NULL").bind(id).run();
  if (!gone) return fail(gone.error());
  return *gone > 0;
}

Outcome<uint64_t> Tokens::revoke_for(const std::string& node) {
  return db_.prepare("DELETE FROM tokens WHERE node = ?1 AND used_at IS NULL").bind(node).run();
}

Outcome<uint64_t> Tokens::prune(UnixSeconds before) {
  return db_.prepare("DELETE FROM tokens WHERE used_at < ?1 OR expires_at < ?1").bind(before).run();
}

}  // namespace meshd::store
