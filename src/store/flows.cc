// SPDX-License-Identifier: Apache-2.0
#include "store/flows.h"

#include "store/database.h"

namespace meshd::store {

Outcome<> Flows::add(const std::vector<FlowRecord>& batch) {
  return db_.transact([&]() -> Outcome<> {
    for (const FlowRecord& f : batch) {
      auto done =
          db_.prepare(
                 "INSERT INTO flows (caller, service, port, method, path, example, count, first, last) "
                 "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) "
                 "ON CONFLICT (service, caller, path, method, port) DO UPDATE SET count = count + "
                 "excluded.count, first = min(first, excluded.first), last = max(last, excluded.last)")
              .bind(f.caller, f.service, int64_t{f.port}, f.method, f.path, f.example, f.count, f.first,
                    f.last)
              .run();
      if (!done) return fail(done.error());
    }
    return {};
  });
}

Outcome<std::vector<FlowRecord>> Flows::list(UnixSeconds since) {
  auto query = db_.prepare(
                      "SELECT caller, service, port, method, path, example, count, first, last FROM flows "
                      "WHERE last >= ?1 ORDER BY service, caller, path, method, port")
                   .bind(since);
  std::vector<FlowRecord> all;
  for (;;) {
    auto row = query.step();
    if (!row) return fail(row.error());
    if (!*row) return all;
    all.push_back({.caller = query.text(0),
                   .service = query.text(1),
                   .port = static_cast<uint16_t>(query.integer(2)),
                   .method = query.text(3),
                   .path = query.text(4),
                   .example = query.text(5),
                   .count = static_cast<uint64_t>(query.integer(6)),
                   .first = query.integer(7),
                   .last = query.integer(8)});
  }
}

Outcome<size_t> Flows::prune(size_t keep) {
  auto gone =
      db_.prepare(
             "DELETE FROM flows WHERE (service, caller, path, method, port) IN (SELECT service, caller, "
             "path, method, port FROM flows ORDER BY last DESC LIMIT -1 OFFSET ?1)")
          .bind(static_cast<int64_t>(keep))
          .run();
  if (!gone) return fail(gone.error());
  return static_cast<size_t>(*gone);
}

}  // namespace meshd::store
