// SPDX-License-Identifier: Apache-2.0
#include "store/settings.h"

#include "store/database.h"

namespace meshd::store {

Outcome<std::optional<std::string>> Settings::get(const std::string& key) {
  auto query = db_.prepare("SELECT value FROM settings WHERE key = ?1").bind(key);
  auto row = query.step();
  if (!row) return fail(row.error());
  if (!*row) return std::nullopt;
  return query.text(0);
}

Outcome<> Settings::set(const std::string& key, const std::string& value) {
  auto done =
      db_.prepare("INSERT OR REPLACE INTO settings (key, value) VALUES (?1, ?2)").bind(key, value).run();
  if (!done) return fail(done.error());
  return {};
}

Outcome<bool> Settings::erase(const std::string& key) {
  auto gone = db_.prepare("DELETE FROM settings WHERE key = ?1").bind(key).run();
  if (!gone) return fail(gone.error());
  return *gone > 0;
}

}  // namespace meshd::store
