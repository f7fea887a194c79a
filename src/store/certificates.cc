// SPDX-License-Identifier: Apache-2.0
#include "store/certificates.h"

#include "store/database.h"

namespace meshd::store {
namespace {

Outcome<std::vector<CertificateRecord>> read_all(Statement query) {
  std::vector<CertificateRecord> all;
  for (;;) {
    auto row = query.step();
    if (!row) return fail(row.error());
    if (!*row) return all;
    all.push_back({.serial = query.text(0),
                   .spiffe_id = query.text(1),
                   .node = query.text(2),
                   .not_before = query.integer(3),
                   .not_after = query.integer(4),
                   .issued_at = query.integer(5)});
  }
}

}  // namespace

Outcome<> Certificates::record(const CertificateRecord& c) {
  auto done = db_.prepare(
                     "INSERT INTO certificates (serial, spiffe_id, node, not_before, not_after, issued_at) "
                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
                  .bind(c.serial, c.spiffe_id, c.node, c.not_before, c.not_after,
                        c.issued_at != 0 ? c.issued_at : clock_.unix_now())
                  .run();
  if (!done) return fail(done.error());
  return {};
}

Outcome<std::vector<CertificateRecord>> Certificates::list(size_t limit) {
  return read_all(
      db_.prepare("SELECT serial, spiffe_id, node, not_before, not_after, issued_at FROM certificates "
                  "ORDER BY issued_at DESC, serial LIMIT ?1")
          .bind(static_cast<int64_t>(limit)));
}

Outcome<std::vector<CertificateRecord>> Certificates::of_node(const std::string& node) {
  return read_all(
      db_.prepare("SELECT serial, spiffe_id, node, not_before, not_after, issued_at FROM certificates "
                  "WHERE node = ?1 ORDER BY issued_at DESC, serial")
          .bind(node));
}

Outcome<std::optional<CertificateRecord>> Certificates::find(const std::string& serial) {
  auto found = read_all(
      db_.prepare("SELECT serial, spiffe_id, node, not_before, not_after, issued_at FROM certificates "
                  "WHERE serial = ?1")
          .bind(serial));
  if (!found) return fail(std::move(found.error()));
  if (found->empty()) return std::nullopt;
  return std::move(found->front());
}

Outcome<uint64_t> Certificates::prune_expired(UnixSeconds before) {
  return db_.prepare("DELETE FROM certificates WHERE not_after < ?1").bind(before).run();
}

}  // namespace meshd::store
