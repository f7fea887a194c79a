// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>

#include "base/file.h"
#include "store/schema.h"
#include "store/testing.h"

namespace meshd::store {

namespace {

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

unsigned mode_of(const std::string& path) {
  struct stat st{};
  REQUIRE(stat(path.c_str(), &st) == 0);
  return st.st_mode & 0777;
}

}  // namespace

TEST_CASE("a new store is made with everything closed to other users") {
  TempDir dir;
  FakeClock clock;
  auto store = Store::open(dir.file(), clock, fake_hash);
  REQUIRE(store);
  REQUIRE((*store)->settings().set("a", "b"));
  for (const char* name : {"meshd.db", "meshd.db-wal", "meshd.db-shm", "meshd.db.lock"}) {
    INFO(name);
    REQUIRE(mode_of(dir.file(name)) == 0600);
  }
}

TEST_CASE("what was written is there after closing and opening again") {
  TempDir dir;
  FakeClock clock;
  {
    auto store = Store::open(dir.file(), clock, fake_hash);
    REQUIRE(store);
    REQUIRE((*store)->settings().set("trust_domain", "edge.mesh"));
    REQUIRE((*store)->settings().set("trust_domain", "edge-eu.mesh"));
  }
  auto store = Store::open(dir.file(), clock, fake_hash);
  REQUIRE(store);
  REQUIRE((*store)->settings().get("trust_domain").value() == "edge-eu.mesh");
  REQUIRE((*store)->settings().get("nothing").value() == std::nullopt);
  REQUIRE((*store)->settings().erase("trust_domain") == true);
  REQUIRE((*store)->settings().erase("trust_domain") == false);
}

TEST_CASE("a second meshd is kept out and told who is in") {
  TempDir dir;
  FakeClock clock;
  auto first = Store::open(dir.file(), clock, fake_hash);
  REQUIRE(first);
  auto second = Store::open(dir.file(), clock, fake_hash);
  REQUIRE_FALSE(second);
  REQUIRE(second.error().code == Errc::conflict);
  REQUIRE(contains(second.error().what, "another meshd (process " + std::to_string(getpid()) + ") is using"));
  first->reset();
  REQUIRE(Store::open(dir.file(), clock, fake_hash));
}

TEST_CASE("a file that is not a database is refused and stays as it was") {
  TempDir dir;
  FakeClock clock;
  std::string text(5000, 'x');
  REQUIRE(write_file(dir.file(), text));
  auto store = Store::open(dir.file(), clock, fake_hash);
  REQUIRE_FALSE(store);
  REQUIRE(store.error().code == Errc::io);
  REQUIRE(contains(store.error().what, "is not a database"));
  REQUIRE(read_file(dir.file(), 10'000) == text);
}

TEST_CASE("a damaged database is refused when it is opened") {
  TempDir dir;
  FakeClock clock;
  {
    auto store = Store::open(dir.file(), clock, fake_hash);
    REQUIRE(store);
    for (int i = 0; i < 50; ++i) {
      REQUIRE((*store)->revisions().append({.text = std::string(2000, static_cast<char>('a' + i % 26))}));
      REQUIRE((*store)->audit().append({.who = "uid:0", .what = "test"}));
    }
  }
  auto bytes = read_file(dir.file(), 10'000'000);
  REQUIRE(bytes);
  size_t found = 0, pages = bytes->size() / 4096;
  for (size_t page = 1; page < pages; ++page) {
    std::string bad = *bytes;
    for (size_t i = 0; i < 64; ++i) bad[page * 4096 + i] = '\x5a';  // the page's header and cell pointers
    REQUIRE(write_file(dir.file(), bad));
    auto store = Store::open(dir.file(), clock, fake_hash);
    if (store) continue;  // content of an overflow page: the chains find that
    ++found;
    REQUIRE(store.error().code == Errc::io);
    REQUIRE(contains(store.error().what, "is damaged"));
    REQUIRE(contains(store.error().what, "meshd backup"));
  }
  REQUIRE(found >= 10);
}

TEST_CASE("a database of a newer meshd is refused with both versions named") {
  TempDir dir;
  FakeClock clock;
  REQUIRE(Store::open(dir.file(), clock, fake_hash));
  REQUIRE(tamper(dir.file(), "PRAGMA user_version=77"));
  auto store = Store::open(dir.file(), clock, fake_hash);
  REQUIRE_FALSE(store);
  REQUIRE(store.error().code == Errc::unsupported_version);
  REQUIRE(contains(store.error().what, "was made by a newer meshd (schema 77, this one knows " +
                                           std::to_string(schema_steps().size()) + "); upgrade this meshd"));
}

TEST_CASE("a database open to other users, or missing its directory, is refused with a hint") {
  TempDir dir;
  FakeClock clock;
  REQUIRE(Store::open(dir.file(), clock, fake_hash));
  REQUIRE(chmod(dir.file().c_str(), 0644) == 0);
  auto open_to_all = Store::open(dir.file(), clock, fake_hash);
  REQUIRE_FALSE(open_to_all);
  REQUIRE(open_to_all.error().code == Errc::permission);
  REQUIRE(contains(open_to_all.error().what, "chmod 0600"));

  auto nowhere = Store::open(dir.file("no/where.db"), clock, fake_hash);
  REQUIRE_FALSE(nowhere);
  REQUIRE(nowhere.error().code == Errc::not_found);
}

TEST_CASE("changes in one transaction stand or fall together") {
  TempDir dir;
  FakeClock clock;
  auto opened = Store::open(dir.file(), clock, fake_hash);
  REQUIRE(opened);
  Store& store = **opened;
  auto failed = store.transact([&]() -> Outcome<> {
    REQUIRE(store.revisions().append({.text = "version: 1\n"}));
    REQUIRE(store.audit().append({.who = "uid:0", .what = "config.apply"}));
    return fail(Errc::cancelled, "changed my mind");
  });
  REQUIRE_FALSE(failed);
  REQUIRE(failed.error().what == "changed my mind");
  REQUIRE_FALSE(store.revisions().latest()->has_value());
  REQUIRE(store.audit().list(10)->empty());

  REQUIRE(store.transact([&]() -> Outcome<> {
    REQUIRE(store.revisions().append({.text = "version: 1\n"}));
    REQUIRE(store.audit().append({.who = "uid:0", .what = "config.apply"}));
    return {};
  }));
  REQUIRE(store.revisions().list(10)->size() == 1);
  REQUIRE(store.audit().verify() == 1u);
}

TEST_CASE("a backup is a whole store, closed to others, taken while the store is in use") {
  TempDir dir;
  FakeClock clock;
  auto store = Store::open(dir.file(), clock, fake_hash);
  REQUIRE(store);
  REQUIRE((*store)->revisions().append({.text = "version: 1\n"}));
  REQUIRE((*store)->backup(dir.file("copy.db")));
  REQUIRE((*store)->revisions().append({.text = "version: 1 # later\n"}));
  REQUIRE((*store)->backup(dir.file("copy.db")));  // replaces the older one
  REQUIRE(mode_of(dir.file("copy.db")) == 0600);

  auto copy = Store::open(dir.file("copy.db"), clock, fake_hash);
  REQUIRE(copy);
  REQUIRE((*copy)->revisions().verify() == 2u);

  auto nowhere = (*store)->backup(dir.file("no/where.db"));
  REQUIRE_FALSE(nowhere);
  REQUIRE(contains(nowhere.error().what, "No such file"));
}

}  // namespace meshd::store
