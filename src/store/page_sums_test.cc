// SPDX-License-Identifier: Apache-2.0
#include "store/page_sums.h"

#include <sqlite3.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>

#include "base/file.h"
#include "store/database.h"
#include "store/testing.h"

namespace meshd::store {
namespace {

// A database of some pages, closed in order.
void fill(const std::string& path) {
  auto db = Database::open(path);
  REQUIRE(db);
  std::string sql = "PRAGMA application_id=" + std::to_string(kApplicationId) +
                    "; CREATE TABLE t (i INTEGER PRIMARY KEY, s TEXT); CREATE INDEX by_s ON t (s)";
  REQUIRE((*db)->run(sql.c_str()));
  for (int i = 0; i < 200; ++i)
    REQUIRE((*db)
                ->prepare("INSERT INTO t VALUES (?1, ?2)")
                .bind(int64_t{i},
                      std::string(static_cast<size_t>(50 + i * 7 % 900), static_cast<char>('a' + i % 26)))
                .run() == 1u);
}

std::string all_of(Database& db) {
  std::string out;
  auto rows = db.prepare("SELECT i, s FROM t ORDER BY i");
  while (rows.step() == true) out += std::to_string(rows.integer(0)) + std::string(rows.text(1)) + "\n";
  return out;
}

}  // namespace

TEST_CASE("a flipped byte anywhere in a database is found when it is opened") {
  TempDir dir;
  fill(dir.file());
  std::string whole = *read_file(dir.file(), 10'000'000);
  std::string rows = all_of(**Database::open(dir.file()));
  REQUIRE(whole.size() > 20 * 4096);
  srand(7);
  int found = 0, tried = 0;
  for (size_t at = 100; at < whole.size(); at += 97, ++tried) {
    std::string bad = whole;
    bad[at] = static_cast<char>(bad[at] ^ (1 << (rand() % 8)));
    REQUIRE(write_file(dir.file(), bad));
    auto db = Database::open(dir.file());
    CAPTURE(at);
    if (db) {  // a page that is free: nobody reads it
      CHECK(all_of(**db) == rows);
      continue;
    }
    ++found;
    INFO(db.error().what);
    CHECK(db.error().what.find("is damaged (") != std::string::npos);
  }
  CHECK(found == tried);
}

TEST_CASE("a page in another's place is found") {
  TempDir dir;
  fill(dir.file());
  std::string bad = *read_file(dir.file(), 10'000'000);
  // Two leaves of one table could change places without anything else to notice.
  std::string third = bad.substr(4096 * 5, 4096);
  bad.replace(4096 * 5, 4096, bad.substr(4096 * 6, 4096)).replace(4096 * 6, 4096, third);
  REQUIRE(write_file(dir.file(), bad));
  REQUIRE_FALSE(Database::open(dir.file()));
}

TEST_CASE("a database from before there were sums gets them, and so do copies") {
  TempDir dir;
  {
    REQUIRE(write_file(dir.file(), ""));
    sqlite3* plain = nullptr;
    REQUIRE(sqlite3_open(dir.file().c_str(), &plain) == SQLITE_OK);
    std::string sql = "PRAGMA journal_mode=WAL; PRAGMA application_id=" + std::to_string(kApplicationId) +
                      "; CREATE TABLE t (i INTEGER PRIMARY KEY, s TEXT); INSERT INTO t VALUES (1, 'one')";
    REQUIRE(sqlite3_exec(plain, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(plain);
  }
  REQUIRE(read_file(dir.file(), 1'000'000)->at(20) == 0);
  {
    auto db = Database::open(dir.file());
    REQUIRE(db);
    CHECK(all_of(**db) == "1one\n");
    REQUIRE((*db)->copy_to(dir.file("copy.db")));
  }
  for (const std::string& path : {dir.file(), dir.file("copy.db")}) {
    CHECK(read_file(path, 1'000'000)->at(20) == kPageSumBytes);
    auto db = Database::open(path);
    REQUIRE(db);
    CHECK(all_of(**db) == "1one\n");
  }
}

}  // namespace meshd::store
