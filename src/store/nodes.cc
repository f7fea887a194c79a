// SPDX-License-Identifier: Apache-2.0
#include "store/nodes.h"

#include "store/database.h"

namespace meshd::store {
namespace {

NodeRecord read(const Statement& row) {
  return {.name = row.text(0),
          .address = row.text(1),
          .mesh_port = static_cast<uint16_t>(row.integer(2)),
          .zone = row.text(3),
          .spiffe_id = row.text(4),
          .joined_at = row.integer(5),
          .last_seen = row.integer(6),
          .acked = {static_cast<uint64_t>(row.integer(7))},
          .state = row.text(8),
          .version = row.text(9)};
}

}  // namespace

Outcome<> Nodes::upsert(const NodeRecord& n) {
  auto done = db_.prepare(
                     "INSERT OR REPLACE INTO nodes (name, address, mesh_port, zone, spiffe_id, joined_at, "
                     "last_seen, acked, state, version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")
                  .bind(n.name, n.address, int{n.mesh_port}, n.zone, n.spiffe_id, n.joined_at, n.last_seen,
                        n.acked.value, n.state, n.version)
                  .run();
  if (!done) return fail(done.error());
  return {};
}

Outcome<> Nodes::report(const std::vector<NodeReport>& reports) {
  if (reports.empty()) return {};
  UnixSeconds now = clock_.unix_now();
  return db_.transact([&]() -> Outcome<> {
    for (const NodeReport& r : reports) {
      auto done =
          db_.prepare("UPDATE nodes SET acked = ?2, state = ?3, version = ?4, last_seen = ?5 WHERE name = ?1")
              .bind(r.name, r.acked.value, r.state, r.version, now)
              .run();
      if (!done) return fail(done.error());
    }
    return {};
  });
}

Outcome<std::optional<NodeRecord>> Nodes::get(const std::string& name) {
  auto query = db_.prepare(
                      "SELECT name, address, mesh_port, zone, spiffe_id, joined_at, last_seen, acked, state, "
                      "version FROM nodes WHERE name = ?1")
                   .bind(name);
  auto row = query.step();
  if (!row) return fail(row.error());
  if (!*row) return std::nullopt;
  return read(query);
}

Outcome<std::vector<NodeRecord>> Nodes::list() {
  auto query = db_.prepare(
      "SELECT name, address, mesh_port, zone, spiffe_id, joined_at, last_seen, acked, state, "
      "version FROM nodes ORDER BY name");
  std::vector<NodeRecord> all;
  for (;;) {
    auto row = query.step();
    if (!row) return fail(row.error());
    if (!*row) return all;
    all.push_back(read(query));
  }
}

Outcome<bool> Nodes::remove(const std::string& name) {
  auto gone = db_.prepare("DELETE FROM nodes WHERE name = ?1").bind(name).run();
  if (!gone) return fail(gone.error());
  return *gone > 0;
}

}  // namespace meshd::store
