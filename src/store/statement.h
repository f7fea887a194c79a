// SPDX-License-Identifier: Apache-2.0
// statement.h: one use of a prepared statement: bind, step, read; put back into the cache at the end of the scope.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3_stmt;

namespace meshd::store {

class Database;

// Bytes that are not text: hashes.
struct Blob {
  std::string_view bytes;
};

// Errors of preparing and binding are kept and returned by step() and run(), so that uses read in one line:
//   db.prepare("UPDATE …").bind(name, now).run()
// Must not outlive its Database. One statement text is in use once at a time.
class Statement {
 public:
  Statement(Statement&& o) noexcept;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  // Binds the parameters in order, from ?1. Texts must stay alive until the last step().
  template <class... Values>
  Statement& bind(const Values&... values) & {
    (put(values), ...);
    return *this;
  }
  template <class... Values>
  Statement&& bind(const Values&... values) && {
    (put(values), ...);
    return std::move(*this);
  }

  // True: a row is ready to be read; false: no more. Errors: as Database::failure.
  Outcome<bool> step();
  // Runs to the end and says how many rows it changed.
  Outcome<uint64_t> run();

  // The current row's columns, from 0. Valid after step() said true.
  int64_t integer(int column) const;
  std::string text(int column) const;  // also blobs
  bool is_null(int column) const;
  std::optional<int64_t> maybe_integer(int column) const;
  std::optional<std::string> maybe_text(int column) const;

 private:
  friend class Database;
  Statement(Database& db, sqlite3_stmt* handle, int error) : db_(&db), handle_(handle), error_(error) {}
  void put(int64_t value);
  void put(uint64_t value) { put(static_cast<int64_t>(value)); }
  void put(int value) { put(int64_t{value}); }
  void put(std::string_view value);
  void put(const std::string& value) { put(std::string_view(value)); }
  void put(const char* value) { put(std::string_view(value)); }
  void put(Blob value);
  void put(std::nullopt_t);
  template <class T>
  void put(const std::optional<T>& value) {
    if (value)
      put(*value);
    else
      put(std::nullopt);
  }

  Database* db_;
  sqlite3_stmt* handle_;
  int error_;      // the first one, as SQLite's result code
  int bound_ = 0;  // parameters bound so far
};

}  // namespace meshd::store
