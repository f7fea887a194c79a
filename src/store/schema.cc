// SPDX-License-Identifier: Apache-2.0
#include "store/schema.h"

namespace meshd::store {
namespace {

// STRICT: a column holds what its type says. Times are Unix seconds, hashes hex, unless said otherwise.
constexpr const char* kSteps[] = {
    // 1: the first form.
    R"sql(
CREATE TABLE revisions (
  number  INTEGER PRIMARY KEY AUTOINCREMENT,  -- AUTOINCREMENT: a deleted number does not come back
  text    TEXT NOT NULL,
  author  TEXT NOT NULL,
  message TEXT NOT NULL,
  time    INTEGER NOT NULL,
  prev    TEXT NOT NULL,  -- hash of the revision before, '' for the first
  hash    TEXT NOT NULL
) STRICT;

CREATE TABLE nodes (
  name      TEXT PRIMARY KEY,
  address   TEXT NOT NULL,
  mesh_port INTEGER NOT NULL,
  zone      TEXT NOT NULL,
  spiffe_id TEXT NOT NULL,
  joined_at INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  acked     INTEGER NOT NULL,  -- revision, 0 for none
  state     TEXT NOT NULL,     -- JSON or ''
  version   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
  id         TEXT PRIMARY KEY,
  hash       BLOB NOT NULL,  -- of the secret
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  node       TEXT,           -- NULL: any
  created_by TEXT NOT NULL,
  used_at    INTEGER,        -- NULL: not yet
  used_by    TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE certificates (
  serial     TEXT PRIMARY KEY,
  spiffe_id  TEXT NOT NULL,
  node       TEXT NOT NULL,
  not_before INTEGER NOT NULL,
  not_after  INTEGER NOT NULL,
  issued_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX certificates_by_node ON certificates (node, issued_at);
CREATE INDEX certificates_by_issue ON certificates (issued_at);
CREATE INDEX certificates_by_end ON certificates (not_after);

CREATE TABLE audit (
  number INTEGER PRIMARY KEY,
  time   INTEGER NOT NULL,
  who    TEXT NOT NULL,
  what   TEXT NOT NULL,
  detail TEXT NOT NULL,
  hash   TEXT NOT NULL
) STRICT;

CREATE TABLE settings (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
)sql",
    // 2: what was revoked.
    R"sql(
CREATE TABLE denied (
  kind  TEXT NOT NULL,     -- serial, identity, node
  value TEXT NOT NULL,
  until INTEGER NOT NULL,  -- 0: until it is lifted
  time  INTEGER NOT NULL,
  who   TEXT NOT NULL,
  why   TEXT NOT NULL,
  sum   TEXT NOT NULL,     -- hash of the fields before it
  PRIMARY KEY (kind, value)
) STRICT, WITHOUT ROWID;
)sql",
    // 3: who called what, as the nodes counted it.
    R"sql(
CREATE TABLE flows (
  service TEXT NOT NULL,
  caller  TEXT NOT NULL,  -- SPIFFE ID, '' for nobody
  path    TEXT NOT NULL,  -- a pattern
  method  TEXT NOT NULL,  -- '' for opaque bytes
  port    INTEGER NOT NULL,
  example TEXT NOT NULL,
  count   INTEGER NOT NULL,
  first   INTEGER NOT NULL,
  last    INTEGER NOT NULL,
  PRIMARY KEY (service, caller, path, method, port)
) STRICT, WITHOUT ROWID;
CREATE INDEX flows_by_last ON flows (last);
)sql",
};

}  // namespace

std::span<const char* const> schema_steps() { return kSteps; }

Outcome<> migrate(Database& db, std::span<const char* const> steps) {
  auto newest = static_cast<int64_t>(steps.size());
  auto version = db.number("PRAGMA user_version");
  if (!version) return fail(version.error());
  if (*version > newest)
    return fail(Errc::unsupported_version, db.path() + " was made by a newer meshd (schema " +
                                               std::to_string(*version) + ", this one knows " +
                                               std::to_string(newest) + "); upgrade this meshd");
  if (*version < 0)
    return fail(Errc::io, db.path() + " is damaged (schema " + std::to_string(*version) + ")");
  if (*version == newest) return {};

  if (*version > 0) {
    auto copied = db.copy_to(db.path() + ".schema" + std::to_string(*version) + ".bak");
    if (!copied) return copied;
  }
  return db.transact([&]() -> Outcome<> {
    for (auto step = static_cast<size_t>(*version); step < steps.size(); ++step) {
      if (auto done = db.run(steps[step]); !done) return done;
    }
    // Pragmas take no parameters.
    return db.run(("PRAGMA application_id=" + std::to_string(kApplicationId) +
                   "; PRAGMA user_version=" + std::to_string(newest))
                      .c_str());
  });
}

}  // namespace meshd::store
