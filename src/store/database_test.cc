// SPDX-License-Identifier: Apache-2.0
#include "store/database.h"

#include <catch2/catch_test_macros.hpp>

#include "base/file.h"
#include "store/schema.h"
#include "store/testing.h"

namespace meshd::store {

namespace {

constexpr const char* kOne[] = {"CREATE TABLE a (x INTEGER)"};
constexpr const char* kTwo[] = {"CREATE TABLE a (x INTEGER)", "ALTER TABLE a ADD COLUMN y TEXT"};
constexpr const char* kBroken[] = {"CREATE TABLE a (x INTEGER)", "CREATE TABLE b (x); SELECT nonsense"};

}  // namespace

TEST_CASE("all kinds of values come back as they went in") {
  TempDir dir;
  auto db = Database::open(dir.file());
  REQUIRE(db);
  REQUIRE((*db)->run("CREATE TABLE t (i INTEGER, s TEXT, b BLOB, n TEXT)"));
  std::string odd("a\0b\xff", 4);
  REQUIRE((*db)
              ->prepare("INSERT INTO t VALUES (?1, ?2, ?3, ?4)")
              .bind(int64_t{-5}, odd, Blob{odd}, std::optional<std::string>())
              .run() == 1u);
  REQUIRE((*db)->prepare("INSERT INTO t VALUES (?1, ?2, ?3, ?4)").bind(INT64_MAX, "", Blob{""}, "x").run() ==
          1u);
  auto query = (*db)->prepare("SELECT i, s, b, n FROM t");
  REQUIRE(query.step() == true);
  REQUIRE(query.integer(0) == -5);
  REQUIRE(query.text(1) == odd);
  REQUIRE(query.text(2) == odd);
  REQUIRE(query.is_null(3));
  REQUIRE_FALSE(query.maybe_text(3));
  REQUIRE(query.step() == true);
  REQUIRE(query.maybe_integer(0) == INT64_MAX);
  REQUIRE_FALSE(query.is_null(1));  // empty is not NULL
  REQUIRE_FALSE(query.is_null(2));
  REQUIRE(query.maybe_text(3) == "x");
  REQUIRE(query.step() == false);
}

TEST_CASE("a statement can be leased twice at once and is clean when it is leased again") {
  TempDir dir;
  auto db = Database::open(dir.file());
  REQUIRE(db);
  REQUIRE((*db)->run("CREATE TABLE t (x INTEGER); INSERT INTO t VALUES (1), (2), (3)"));
  for (int round = 0; round < 3; ++round) {
    auto outer = (*db)->prepare("SELECT x FROM t ORDER BY x");
    REQUIRE(outer.step() == true);
    auto inner = (*db)->prepare("SELECT x FROM t ORDER BY x");
    REQUIRE(inner.step() == true);
    REQUIRE(inner.step() == true);
    REQUIRE(inner.integer(0) == 2);
    REQUIRE(outer.integer(0) == 1);
  }
}

TEST_CASE("a wrong statement is an error when it is stepped, not a crash") {
  TempDir dir;
  auto db = Database::open(dir.file());
  REQUIRE(db);
  auto row = (*db)->prepare("SELECT * FROM nowhere WHERE x = ?1").bind(1).step();
  REQUIRE_FALSE(row);
  REQUIRE(row.error().code == Errc::internal);
}

TEST_CASE("a full disk is told in words, and the transaction leaves nothing behind") {
  TempDir dir;
  auto db = Database::open(dir.file());
  REQUIRE(db);
  REQUIRE((*db)->run("CREATE TABLE t (x TEXT)"));
  REQUIRE((*db)->number("PRAGMA max_page_count=20") == 20);  // SQLite then acts as on a full disk
  auto done = (*db)->transact([&]() -> Outcome<> {
    for (int i = 0; i < 100; ++i) {
      auto put = (*db)->prepare("INSERT INTO t VALUES (?1)").bind(std::string(3000, 'x')).run();
      if (!put) return fail(put.error());
    }
    return {};
  });
  REQUIRE_FALSE(done);
  REQUIRE(done.error().code == Errc::exhausted);
  REQUIRE(done.error().what.find("the disk is full: cannot write " + dir.file()) == 0);
  REQUIRE((*db)->number("SELECT count(*) FROM t") == 0);
  // And it goes on working.
  REQUIRE((*db)->transact([&]() -> Outcome<> { return (*db)->run("INSERT INTO t VALUES ('small')"); }));
  REQUIRE((*db)->number("SELECT count(*) FROM t") == 1);
}

TEST_CASE("commits are synced to disk and foreign keys hold") {
  TempDir dir;
  auto db = Database::open(dir.file());
  REQUIRE(db);
  REQUIRE((*db)->number("PRAGMA synchronous") == 2);  // FULL
  REQUIRE((*db)->number("PRAGMA foreign_keys") == 1);
}

TEST_CASE("another program's database is refused and stays untouched") {
  TempDir dir;
  REQUIRE(tamper(dir.file(), "PRAGMA application_id=1; CREATE TABLE theirs (x); PRAGMA journal_mode=DELETE"));
  auto before = read_file(dir.file(), 1'000'000);
  auto db = Database::open(dir.file());
  REQUIRE_FALSE(db);
  REQUIRE(db.error().code == Errc::conflict);
  REQUIRE(db.error().what.find("another program") != std::string::npos);
  REQUIRE(read_file(dir.file(), 1'000'000) == *before);
}

TEST_CASE("an older database is copied and then brought up to date") {
  TempDir dir;
  {
    auto db = Database::open(dir.file());
    REQUIRE(db);
    REQUIRE(migrate(**db, kOne));
    REQUIRE(migrate(**db, kOne));  // nothing to do
    REQUIRE_FALSE(exists(dir.file("meshd.db.schema0.bak")));
    REQUIRE((*db)->run("INSERT INTO a VALUES (7)"));
  }
  auto db = Database::open(dir.file());
  REQUIRE(db);
  REQUIRE(migrate(**db, kTwo));
  REQUIRE((*db)->number("PRAGMA user_version") == 2);
  REQUIRE((*db)->number("SELECT count(*) FROM a WHERE x = 7 AND y IS NULL") == 1);

  auto copy = Database::open(dir.file("meshd.db.schema1.bak"));
  REQUIRE(copy);
  REQUIRE((*copy)->number("PRAGMA user_version") == 1);
  REQUIRE((*copy)->number("SELECT x FROM a") == 7);
}

TEST_CASE("a migration that fails leaves the older database as it was") {
  TempDir dir;
  auto db = Database::open(dir.file());
  REQUIRE(db);
  REQUIRE(migrate(**db, kOne));
  REQUIRE_FALSE(migrate(**db, kBroken));
  REQUIRE((*db)->number("PRAGMA user_version") == 1);
  REQUIRE((*db)->number("SELECT count(*) FROM sqlite_schema") == 1);
  REQUIRE(migrate(**db, kTwo));
}

}  // namespace meshd::store
