// SPDX-License-Identifier: Apache-2.0
#include "store/tokens.h"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "store/schema.h"
#include "store/store.h"
#include "store/testing.h"

namespace meshd::store {

namespace {

struct Bench {
  TempDir dir;
  FakeClock clock;
  std::unique_ptr<Store> store = std::move(*Store::open(dir.file(), clock, fake_hash));
  Tokens& tokens() { return store->tokens(); }
  void create(const std::string& id, std::optional<std::string> node = {}) {
    TokenRecord token{.id = id,
                      .secret_hash = "hash of " + id,
                      .expires_at = clock.unix_now() + 60,
                      .node = std::move(node),
                      .created_by = "uid:0"};
    REQUIRE(tokens().create(token));
  }
};

}  // namespace

TEST_CASE("a token is good once, for who knows its secret, until it runs out") {
  struct Case {
    const char* what;
    TokenUse use;
    bool good;
  };
  const Case cases[] = {
      {"unknown id", {"nope", "hash of a", "n2", "n2"}, false},
      {"wrong secret", {"a", "hash of b", "n2", "n2"}, false},
      {"no secret", {"a", "", "n2", "n2"}, false},
      {"right", {"a", "hash of a", "n2", "n2 127.0.1.2"}, true},
      {"right again", {"a", "hash of a", "n2", "n2"}, false},
      {"of another node", {"bound", "hash of bound", "n2", "n2"}, false},
      {"of this node", {"bound", "hash of bound", "n3", "n3"}, true},
  };
  Bench b;
  b.create("a");
  b.create("bound", "n3");
  for (const Case& c : cases) {
    INFO(c.what);
    REQUIRE(b.tokens().consume(c.use) == c.good);
  }
  b.create("late");
  b.clock.advance(std::chrono::seconds(60));
  REQUIRE(b.tokens().consume({"late", "hash of late", "n2", "n2"}) == false);
}

TEST_CASE("the list shows who made and who used each token") {
  Bench b;
  b.create("a", "n2");
  b.clock.advance(std::chrono::seconds(10));
  b.create("b");
  REQUIRE(b.tokens().consume({"a", "hash of a", "n2", "n2 127.0.1.2"}) == true);
  auto list = b.tokens().list();
  REQUIRE(list);
  REQUIRE(list->size() == 2);
  REQUIRE(list->at(0).id == "b");
  REQUIRE_FALSE(list->at(0).used_at);
  REQUIRE_FALSE(list->at(0).node);
  REQUIRE(list->at(1).id == "a");
  REQUIRE(list->at(1).created_by == "uid:0");
  REQUIRE(list->at(1).node == "n2");
  REQUIRE(list->at(1).used_at == b.clock.unix_now());
  REQUIRE(list->at(1).used_by == "n2 127.0.1.2");
}

TEST_CASE("an id can be created once, a used token cannot be revoked, old ones are pruned") {
  Bench b;
  b.create("a");
  auto twice = b.tokens().create({.id = "a", .secret_hash = "x", .expires_at = b.clock.unix_now() + 60});
  REQUIRE_FALSE(twice);
  REQUIRE(twice.error().code == Errc::conflict);
  b.create("b");
  REQUIRE(b.tokens().revoke("b") == true);
  REQUIRE(b.tokens().revoke("b") == false);
  REQUIRE(b.tokens().consume({"b", "hash of b", "n2", "n2"}) == false);
  REQUIRE(b.tokens().consume({"a", "hash of a", "n2", "n2"}) == true);
  REQUIRE(b.tokens().revoke("a") == false);
  b.clock.advance(std::chrono::hours(1));
  b.create("new");
  REQUIRE(b.tokens().prune(b.clock.unix_now() - 60) == 1u);
  REQUIRE(b.tokens().list()->size() == 1);
}

TEST_CASE("of joiners racing for a token over two connections exactly one wins") {
  TempDir dir;
  FakeClock clock;
  constexpr int kTokens = 40;
  auto first = Database::open(dir.file());
  REQUIRE(first);
  REQUIRE(migrate(**first, schema_steps()));
  Tokens tokens(**first, clock);
  for (int i = 0; i < kTokens; ++i)
    REQUIRE(
        tokens.create({.id = std::to_string(i), .secret_hash = "h", .expires_at = clock.unix_now() + 60}));
  auto second = Database::open(dir.file());
  REQUIRE(second);

  std::atomic<int> wins = 0, errors = 0;
  auto race = [&](Database& db) {
    Tokens mine(db, clock);
    for (int i = 0; i < kTokens; ++i) {
      auto won = mine.consume({std::to_string(i), "h", "n2", "n2"});
      if (!won)
        ++errors;
      else if (*won)
        ++wins;
    }
  };
  std::thread other([&] { race(**second); });
  race(**first);
  other.join();
  REQUIRE(errors == 0);
  REQUIRE(wins == kTokens);
}

}  // namespace meshd::store
