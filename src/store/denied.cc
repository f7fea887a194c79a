// SPDX-License-Identifier: Apache-2.0
#include "store/denied.h"

#include "store/database.h"

namespace meshd::store {
namespace {

std::string sum_of(const Hash& hash, const DeniedRecord& r) {
  return chain_hash(hash, "denied",
                    {r.kind, r.value, std::to_string(r.until), std::to_string(r.time), r.who, r.why});
}

}  // namespace

Outcome<> Denied::add(const DeniedRecord& given) {
  DeniedRecord r = given;
  r.time = clock_.unix_now();
  auto done = db_.prepare(
                     "INSERT OR REPLACE INTO denied (kind, value, until, time, who, why, sum) "
                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
                  .bind(r.kind, r.value, r.until, r.time, r.who, r.why, sum_of(hash_, r))
                  .run();
  if (!done) return fail(done.error());
  return {};
}

Outcome<bool> Denied::lift(const std::string& kind, const std::string& value) {
  auto gone = db_.prepare("DELETE FROM denied WHERE kind = ?1 AND value = ?2").bind(kind, value).run();
  if (!gone) return fail(gone.error());
  return *gone > 0;
}

Outcome<std::vector<DeniedRecord>> Denied::list() {
  auto query = db_.prepare("SELECT kind, value, until, time, who, why, sum FROM denied ORDER BY kind, value");
  std::vector<DeniedRecord> all;
  for (;;) {
    auto row = query.step();
    if (!row) return fail(row.error());
    if (!*row) return all;
    DeniedRecord r{.kind = query.text(0),
                   .value = query.text(1),
                   .until = query.integer(2),
                   .time = query.integer(3),
                   .who = query.text(4),
                   .why = query.text(5)};
    if (sum_of(hash_, r) != query.text(6))
      return fail(Errc::io, db_.path() + " is damaged: the denied " + r.kind + " '" + r.value +
                                "' does not have its checksum; restore it from a backup");
    all.push_back(std::move(r));
  }
}

Outcome<uint64_t> Denied::prune() {
  return db_.prepare("DELETE FROM denied WHERE until != 0 AND until < ?1").bind(clock_.unix_now()).run();
}

}  // namespace meshd::store
