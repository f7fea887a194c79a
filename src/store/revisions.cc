// SPDX-License-Identifier: Apache-2.0
#include "store/revisions.h"

#include "base/limits.h"
#include "store/database.h"

namespace meshd::store {
namespace {

#define MESHD_COLUMNS "number, author, message, time, hash, prev, length(CAST(text AS BLOB))"

struct Row {
  ConfigRevision revision;
  std::string prev;
};

Row read(const Statement& row, bool with_text) {
  Row r;
  r.revision.number = {static_cast<uint64_t>(row.integer(0))};
  r.revision.author = row.text(1);
  r.revision.message = row.text(2);
  r.revision.time = row.integer(3);
  r.revision.hash = row.text(4);
  r.prev = row.text(5);
  r.revision.bytes = static_cast<uint64_t>(row.integer(6));
  if (with_text) r.revision.text = row.text(7);
  return r;
}

std::string hash_of(const Hash& hash, std::string_view prev, const ConfigRevision& r) {
  return chain_hash(hash, prev,
                    {std::to_string(r.number.value), r.author, r.message, std::to_string(r.time), r.text});
}

std::unexpected<Detailed> damaged(const Database& db, Revision number) {
  return fail(Errc::io, db.path() + ": revision " + std::to_string(number.value) +
                            " is damaged (its hash does not fit); put back a copy made with 'meshd backup'");
}

}  // namespace

Outcome<Appended> Revisions::append(const NewRevision& revision) {
  if (revision.text.size() > kConfigBytesMax)
    return fail(Errc::limit,
                "the configuration is larger than " + std::to_string(kConfigBytesMax) + " bytes");
  Appended result;
  auto done = db_.transact([&]() -> Outcome<> {
    auto last = latest();
    if (!last) return fail(last.error());
    Revision seen = *last ? (*last)->number : Revision{};
    if (revision.base && *revision.base != seen)
      return fail(Errc::conflict, "the configuration changed meanwhile: it is at revision " +
                                      std::to_string(seen.value) + ", your change is of revision " +
                                      std::to_string(revision.base->value));
    if (*last && (*last)->text == revision.text) {
      result = {seen, false};
      return {};
    }
    // The number goes into the hash, so it is taken before the row is written; deleted ones stay taken.
    auto taken = db_.number("SELECT seq FROM sqlite_sequence WHERE name = 'revisions'");
    if (!taken) return fail(taken.error());
    ConfigRevision next{.number = {static_cast<uint64_t>(*taken) + 1},
                        .text = revision.text,
                        .author = revision.author,
                        .message = revision.message,
                        .time = clock_.unix_now()};
    std::string prev = *last ? (*last)->hash : "";
    auto written = db_.prepare(
                          "INSERT INTO revisions (number, text, author, message, time, prev, hash) "
                          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
                       .bind(next.number.value, next.text, next.author, next.message, next.time, prev,
                             hash_of(hash_, prev, next))
                       .run();
    if (!written) return fail(written.error());
    result = {next.number, true};
    return {};
  });
  if (!done) return fail(done.error());
  return result;
}

Outcome<std::optional<ConfigRevision>> Revisions::latest() {
  auto query = db_.prepare("SELECT " MESHD_COLUMNS ", text FROM revisions ORDER BY number DESC LIMIT 1");
  auto row = query.step();
  if (!row) return fail(row.error());
  if (!*row) return std::nullopt;
  Row r = read(query, true);
  if (hash_of(hash_, r.prev, r.revision) != r.revision.hash) return damaged(db_, r.revision.number);
  return std::move(r.revision);
}

Outcome<ConfigRevision> Revisions::get(Revision number) {
  auto query =
      db_.prepare("SELECT " MESHD_COLUMNS ", text FROM revisions WHERE number = ?1").bind(number.value);
  auto row = query.step();
  if (!row) return fail(row.error());
  if (!*row) return fail(Errc::not_found, "there is no revision " + std::to_string(number.value));
  Row r = read(query, true);
  if (hash_of(hash_, r.prev, r.revision) != r.revision.hash) return damaged(db_, number);
  return std::move(r.revision);
}

Outcome<std::vector<ConfigRevision>> Revisions::list(size_t limit) {
  auto query = db_.prepare("SELECT " MESHD_COLUMNS " FROM revisions ORDER BY number DESC LIMIT ?1")
                   .bind(static_cast<int64_t>(limit));
  std::vector<ConfigRevision> all;
  for (;;) {
    auto row = query.step();
    if (!row) return fail(row.error());
    if (!*row) return all;
    all.push_back(read(query, false).revision);
  }
}

Outcome<uint64_t> Revisions::prune(size_t keep) {
  return db_
      .prepare(
          "DELETE FROM revisions WHERE number NOT IN "
          "(SELECT number FROM revisions ORDER BY number DESC LIMIT ?1)")
      .bind(static_cast<int64_t>(keep == 0 ? 1 : keep))
      .run();
}

Outcome<uint64_t> Revisions::verify() {
  auto query = db_.prepare("SELECT " MESHD_COLUMNS ", text FROM revisions ORDER BY number");
  std::string before;
  uint64_t count = 0;
  for (;;) {
    auto row = query.step();
    if (!row) return fail(row.error());
    if (!*row) return count;
    Row r = read(query, true);
    // The first one that was kept may follow revisions that were pruned.
    if (count > 0 && r.prev != before) return damaged(db_, r.revision.number);
    if (hash_of(hash_, r.prev, r.revision) != r.revision.hash) return damaged(db_, r.revision.number);
    before = std::move(r.revision.hash);
    ++count;
  }
}

#undef MESHD_COLUMNS

}  // namespace meshd::store
