// SPDX-License-Identifier: Apache-2.0
#include "store/audit.h"

#include "store/database.h"

namespace meshd::store {
namespace {

AuditRecord read(const Statement& row) {
  return {.number = static_cast<uint64_t>(row.integer(0)),
          .time = row.integer(1),
          .who = row.text(2),
          .what = row.text(3),
          .detail = row.text(4),
          .hash = row.text(5)};
}

std::string hash_of(const Hash& hash, std::string_view prev, const AuditRecord& r) {
  return chain_hash(hash, prev, {std::to_string(r.number), std::to_string(r.time), r.who, r.what, r.detail});
}

}  // namespace

Outcome<uint64_t> Audit::append(const AuditEvent& event) {
  AuditRecord next{.time = clock_.unix_now(), .who = event.who, .what = event.what, .detail = event.detail};
  auto done = db_.transact([&]() -> Outcome<> {
    auto last = list(1);
    if (!last) return fail(last.error());
    std::string prev = last->empty() ? "" : last->front().hash;
    next.number = last->empty() ? 1 : last->front().number + 1;
    auto written =
        db_.prepare(
               "INSERT INTO audit (number, time, who, what, detail, hash) "
               "VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
            .bind(next.number, next.time, next.who, next.what, next.detail, hash_of(hash_, prev, next))
            .run();
    if (!written) return fail(written.error());
    return {};
  });
  if (!done) return fail(done.error());
  return next.number;
}

Outcome<std::vector<AuditRecord>> Audit::list(size_t limit, uint64_t before) {
  auto query = db_.prepare(
                      "SELECT number, time, who, what, detail, hash FROM audit WHERE ?2 = 0 OR number < ?2 "
                      "ORDER BY number DESC LIMIT ?1")
                   .bind(static_cast<int64_t>(limit), before);
  std::vector<AuditRecord> all;
  for (;;) {
    auto row = query.step();
    if (!row) return fail(row.error());
    if (!*row) return all;
    all.push_back(read(query));
  }
}

Outcome<uint64_t> Audit::verify() {
  auto query = db_.prepare("SELECT number, time, who, what, detail, hash FROM audit ORDER BY number");
  std::string prev;
  uint64_t count = 0;
  for (;;) {
    auto row = query.step();
    if (!row) return fail(row.error());
    if (!*row) return count;
    AuditRecord r = read(query);
    if (r.number != count + 1 || hash_of(hash_, prev, r) != r.hash)
      return fail(Errc::io, db_.path() + ": the audit log is damaged or was changed at entry " +
                                std::to_string(count + 1));
    prev = std::move(r.hash);
    ++count;
  }
}

}  // namespace meshd::store
