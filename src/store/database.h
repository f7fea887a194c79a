// SPDX-License-Identifier: Apache-2.0
// database.h: one SQLite connection: opened safely, statements cached, transactions, errors as sentences.
//
// One connection does all writes and checkpoints: SQLite 3.40 can lose a WAL reset when two do
// (https://sqlite.org/wal.html#walresetbug). Store makes sure of it among processes.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "store/statement.h"

struct sqlite3;

namespace meshd::store {

// "mshd": tells our files from other programs' (https://sqlite.org/fileformat2.html#application_id).
inline constexpr int64_t kApplicationId = 0x6d736864;

class Database {
 public:
  // Opens or creates `path` with mode 0600: WAL, synchronous=FULL, foreign keys, and a check of the whole file.
  // Errors: permission, io (damaged, not a database), exhausted (disk full), conflict (busy, or another
  // program's database, which stays untouched).
  static Outcome<std::unique_ptr<Database>> open(const std::string& path);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  // Leases the statement for `sql`, prepared at most once.
  Statement prepare(std::string_view sql);
  // Runs a script of statements that give no rows.
  Outcome<> run(const char* sql);
  // One number: a pragma or a count.
  Outcome<int64_t> number(std::string_view sql);

  // Runs `work` in one transaction: committed (and on disk) when both return without error, else undone whole.
  // Inside another one `work` becomes part of that.
  Outcome<> transact(const std::function<Outcome<>()>& work);

  // A complete copy at `to`, mode 0600, replaced whole or not at all. Not inside a transaction.
  Outcome<> copy_to(const std::string& to);

  // The sentence for an SQLite result code, with what to do.
  std::unexpected<Detailed> failure(int code) const;
  int64_t last_row() const;
  const std::string& path() const { return path_; }

 private:
  friend class Statement;
  explicit Database(std::string path) : path_(std::move(path)) {}
  Outcome<> recognise();
  Outcome<> configure();
  Outcome<> check();
  void put_back(sqlite3_stmt* handle);

  std::string path_;
  sqlite3* handle_ = nullptr;
  std::unordered_map<std::string, sqlite3_stmt*> idle_;  // by text, ready for the next lease
  bool in_transaction_ = false;
};

}  // namespace meshd::store
