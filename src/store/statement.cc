// SPDX-License-Identifier: Apache-2.0
#include "store/statement.h"

#include <sqlite3.h>

#include <cassert>
#include <utility>

#include "store/database.h"

namespace meshd::store {

Statement::Statement(Statement&& o) noexcept
    : db_(o.db_), handle_(std::exchange(o.handle_, nullptr)), error_(o.error_), bound_(o.bound_) {}

Statement::~Statement() {
  if (handle_) db_->put_back(handle_);
}

Outcome<bool> Statement::step() {
  if (error_ != SQLITE_OK) return db_->failure(error_);
  assert(bound_ == sqlite3_bind_parameter_count(handle_));
  int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  error_ = code;
  return db_->failure(code);
}

Outcome<uint64_t> Statement::run() {
  for (;;) {
    auto row = step();
    if (!row) return fail(row.error());
    if (!*row) return static_cast<uint64_t>(sqlite3_changes64(db_->handle_));
  }
}

int64_t Statement::integer(int column) const { return sqlite3_column_int64(handle_, column); }

std::string Statement::text(int column) const {
  // The bytes first: asking for their number afterwards cannot convert them.
  const void* bytes = sqlite3_column_blob(handle_, column);
  int size = sqlite3_column_bytes(handle_, column);
  return bytes == nullptr ? std::string()
                          : std::string(static_cast<const char*>(bytes), static_cast<size_t>(size));
}

bool Statement::is_null(int column) const { return sqlite3_column_type(handle_, column) == SQLITE_NULL; }

std::optional<int64_t> Statement::maybe_integer(int column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

std::optional<std::string> Statement::maybe_text(int column) const {
  if (is_null(column)) return std::nullopt;
  return text(column);
}

void Statement::put(int64_t value) {
  if (error_ == SQLITE_OK) error_ = sqlite3_bind_int64(handle_, ++bound_, value);
}

void Statement::put(std::string_view value) {
  // A null pointer would bind NULL; an empty text has none of its own.
  const char* data = value.empty() ? "" : value.data();
  if (error_ == SQLITE_OK)
    error_ = sqlite3_bind_text64(handle_, ++bound_, data, value.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void Statement::put(Blob value) {
  const char* data = value.bytes.empty() ? "" : value.bytes.data();
  if (error_ == SQLITE_OK)
    error_ = sqlite3_bind_blob64(handle_, ++bound_, data, value.bytes.size(), SQLITE_STATIC);
}

void Statement::put(std::nullopt_t) {
  if (error_ == SQLITE_OK) error_ = sqlite3_bind_null(handle_, ++bound_);
}

}  // namespace meshd::store
