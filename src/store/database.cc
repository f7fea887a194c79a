// SPDX-License-Identifier: Apache-2.0
#include "store/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/file.h"
#include "store/page_sums.h"

namespace meshd::store {
namespace {

constexpr int kBusyMilliseconds = 2000;  // an operator's sqlite3 shell may hold the file for a moment

std::string directory_of(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

void sync(const std::string& path, int flags) {
  int fd = open(path.c_str(), flags | O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

// Makes an empty file, closed to others: SQLite gives its -wal and -shm files the same mode. Errors: conflict if it exists.
Outcome<> make_private_file(const std::string& path) {
  int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    int error = errno;
    Errc code = error == EEXIST ? Errc::conflict : error == ENOSPC ? Errc::exhausted : Errc::permission;
    return fail(code, "cannot make " + path + ": " + strerror(error));
  }
  close(fd);
  sync(directory_of(path), O_DIRECTORY);
  return {};
}

}  // namespace

Outcome<std::unique_ptr<Database>> Database::open(const std::string& path) {
  if (!exists(path)) {
    if (auto made = make_private_file(path); !made) return fail(made.error());
  }
  if (auto ours = check_private_file(path); !ours) return fail(ours.error());

  std::unique_ptr<Database> db(new Database(path));
  // No mutex: the connection belongs to one thread.
  int code = sqlite3_open_v2(path.c_str(), &db->handle_,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, page_sums());
  if (code != SQLITE_OK) return db->failure(code);
  if (auto done = db->recognise(); !done) return fail(done.error());
  if (auto done = db->configure(); !done) return fail(done.error());
  if (auto done = db->check(); !done) return fail(done.error());
  return db;
}

Database::~Database() {
  for (auto& [sql, handle] : idle_) sqlite3_finalize(handle);
  // Closing the last connection checkpoints and removes the WAL.
  sqlite3_close(handle_);
}

// Before anything is written: is it ours, or empty?
Outcome<> Database::recognise() {
  sqlite3_extended_result_codes(handle_, 1);
  sqlite3_busy_timeout(handle_, kBusyMilliseconds);
  auto application = number("PRAGMA application_id");
  if (!application) return fail(application.error());
  auto tables = number("SELECT count(*) FROM sqlite_schema");
  if (!tables) return fail(tables.error());
  if (*application == kApplicationId || (*application == 0 && *tables == 0)) return {};
  return fail(Errc::conflict,
              path_ + " is the database of another program; name another directory with --state");
}

Outcome<> Database::configure() {
  if (int code = make_room_for_sums(handle_); code != SQLITE_OK) return failure(code);
  // The file may come from elsewhere: it must not run code or be written around the pager.
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  sqlite3_limit(handle_, SQLITE_LIMIT_ATTACHED, 1);  // VACUUM INTO attaches its target
  {
    auto mode = prepare("PRAGMA journal_mode=WAL");
    auto row = mode.step();
    if (!row) return fail(row.error());
    if (mode.text(0) != "wal")
      return fail(Errc::io,
                  path_ + ": the file system under it cannot hold a write-ahead log; use a local disk");
  }
  return run(
      "PRAGMA synchronous=FULL;"  // each commit is on disk before it is acknowledged
      "PRAGMA foreign_keys=ON;"
      "PRAGMA cell_size_check=ON;"
      "PRAGMA wal_autocheckpoint=1000;"
      "PRAGMA journal_size_limit=4194304;"  // after a burst the WAL shrinks to 4 MiB again
      "PRAGMA temp_store=MEMORY;");
}

Outcome<> Database::check() {
  auto scan = prepare("PRAGMA quick_check(1)");
  auto row = scan.step();
  if (!row) return fail(row.error());
  std::string found = *row ? scan.text(0) : "no answer";
  if (found == "ok") return {};
  return fail(Errc::io, path_ + " is damaged (" + found + "); put back a copy made with 'meshd backup'");
}

Statement Database::prepare(std::string_view sql) {
  std::string text(sql);
  if (auto it = idle_.find(text); it != idle_.end()) {
    sqlite3_stmt* handle = it->second;
    idle_.erase(it);
    return {*this, handle, SQLITE_OK};
  }
  sqlite3_stmt* handle = nullptr;
  int code = sqlite3_prepare_v3(handle_, text.data(), static_cast<int>(text.size()),
                                SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
  return {*this, handle, code};
}

void Database::put_back(sqlite3_stmt* handle) {
  sqlite3_reset(handle);
  sqlite3_clear_bindings(handle);
  // Two leases of one text at once are two statements; one of them is kept.
  if (!idle_.try_emplace(sqlite3_sql(handle), handle).second) sqlite3_finalize(handle);
}

Outcome<> Database::run(const char* sql) {
  int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return failure(code);
  return {};
}

Outcome<int64_t> Database::number(std::string_view sql) {
  auto statement = prepare(sql);
  auto row = statement.step();
  if (!row) return fail(row.error());
  return *row ? statement.integer(0) : 0;
}

Outcome<> Database::transact(const std::function<Outcome<>()>& work) {
  if (in_transaction_) return work();
  // IMMEDIATE: a writer that waits, waits here and not halfway.
  if (auto begun = run("BEGIN IMMEDIATE"); !begun) return begun;
  in_transaction_ = true;
  Outcome<> done = work();
  if (done) done = run("COMMIT");
  in_transaction_ = false;
  // SQLite has undone it already after a full disk or an I/O error.
  if (!done && sqlite3_get_autocommit(handle_) == 0) {
    sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  return done;
}

Outcome<> Database::copy_to(const std::string& to) {
  assert(!in_transaction_);
  std::string temp = to + ".tmp";
  unlink(temp.c_str());
  // VACUUM INTO takes an empty file, and keeps its mode.
  if (auto made = make_private_file(temp); !made) return made;
  if (auto copied = prepare("VACUUM INTO ?1").bind(temp).run(); !copied) {
    unlink(temp.c_str());
    return fail(copied.error().code, "cannot copy to " + to + ": " + copied.error().what);
  }
  sync(temp, 0);  // VACUUM INTO does not: https://sqlite.org/lang_vacuum.html
  if (rename(temp.c_str(), to.c_str()) != 0) {
    int error = errno;
    unlink(temp.c_str());
    return fail(Errc::io, "cannot write " + to + ": " + strerror(error));
  }
  sync(directory_of(to), O_DIRECTORY);
  return {};
}

std::unexpected<Detailed> Database::failure(int code) const {
  std::string detail = handle_ ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  if (code == SQLITE_IOERR_DATA) code = SQLITE_CORRUPT, detail = "the sum of a page is wrong";
  switch (code & 0xff) {
    case SQLITE_FULL:
      return fail(Errc::exhausted,
                  "the disk is full: cannot write " + path_ + "; free some space and try again");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return fail(Errc::conflict, "another program is using " + path_ + "; stop it and try again");
    case SQLITE_CONSTRAINT: return fail(Errc::conflict, path_ + ": " + detail);
    case SQLITE_NOTADB:
      return fail(Errc::io,
                  path_ + " is not a database; move it away, or put back a copy made with 'meshd backup'");
    case SQLITE_CORRUPT:
      return fail(Errc::io, path_ + " is damaged (" + detail + "); put back a copy made with 'meshd backup'");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return fail(Errc::permission, "cannot write " + path_ + ": " + detail +
                                        "; the file and its directory must belong to the user running meshd");
    case SQLITE_TOOBIG: return fail(Errc::limit, path_ + ": " + detail);
    case SQLITE_IOERR: {
      // Running over RLIMIT_FSIZE or a quota comes as an I/O error, not as FULL.
      int error = sqlite3_system_errno(handle_);
      if (error == ENOSPC || error == EDQUOT || error == EFBIG)
        return fail(Errc::exhausted,
                    "cannot write " + path_ + ": " + strerror(error) + "; free some space and try again");
      return fail(Errc::io, path_ + ": " + detail + (error != 0 ? std::string(": ") + strerror(error) : ""));
    }
    case SQLITE_NOMEM: return fail(Errc::exhausted, path_ + ": out of memory");
    default: return fail(Errc::internal, path_ + ": " + detail);
  }
}

int64_t Database::last_row() const { return sqlite3_last_insert_rowid(handle_); }

}  // namespace meshd::store
