// SPDX-License-Identifier: Apache-2.0
#include "store/revisions.h"

#include <catch2/catch_test_macros.hpp>

#include "base/limits.h"
#include "store/store.h"
#include "store/testing.h"

namespace meshd::store {

namespace {

struct Bench {
  TempDir dir;
  FakeClock clock;
  std::unique_ptr<Store> store = std::move(*Store::open(dir.file(), clock, fake_hash));
  Revisions& revisions() { return store->revisions(); }
  // Changes the file behind the store's back.
  void tamper_with(const char* sql) {
    store.reset();
    REQUIRE(tamper(dir.file(), sql));
    store = std::move(*Store::open(dir.file(), clock, fake_hash));
  }
};

}  // namespace

TEST_CASE("revisions are numbered from 1 and come back as they were given") {
  Bench b;
  REQUIRE_FALSE(b.revisions().latest()->has_value());
  auto first = b.revisions().append({.text = "version: 1\n", .author = "uid:0", .message = "start"});
  REQUIRE(first);
  REQUIRE(first->number == Revision{1});
  REQUIRE(first->created);
  b.clock.advance(std::chrono::seconds(5));
  REQUIRE(b.revisions().append({.text = "version: 1\nmesh: {}\n", .author = "alice"})->number == Revision{2});

  auto got = b.revisions().get({1});
  REQUIRE(got);
  REQUIRE(got->text == "version: 1\n");
  REQUIRE(got->author == "uid:0");
  REQUIRE(got->message == "start");
  REQUIRE(got->time == 1'700'000'000);
  REQUIRE(got->bytes == 11);
  auto latest = b.revisions().latest();
  REQUIRE((*latest)->number == Revision{2});
  REQUIRE((*latest)->time == 1'700'000'005);
  REQUIRE((*latest)->hash != got->hash);
  REQUIRE(b.revisions().verify() == 2u);

  auto none = b.revisions().get({9});
  REQUIRE_FALSE(none);
  REQUIRE(none.error().code == Errc::not_found);
  REQUIRE(none.error().what == "there is no revision 9");
}

TEST_CASE("appending the text of the latest revision gives its number and no new one") {
  Bench b;
  REQUIRE(b.revisions().append({.text = "a"})->number == Revision{1});
  auto again = b.revisions().append({.text = "a", .author = "other"});
  REQUIRE(again->number == Revision{1});
  REQUIRE_FALSE(again->created);
  REQUIRE(b.revisions().append({.text = "b"})->number == Revision{2});
  REQUIRE(b.revisions().append({.text = "a"})->number == Revision{3});  // a rollback is news
}

TEST_CASE("a change of an older revision is a conflict that names both") {
  Bench b;
  REQUIRE(b.revisions().append({.text = "a", .base = Revision{0}}));
  REQUIRE(b.revisions().append({.text = "b", .base = Revision{1}}));
  auto late = b.revisions().append({.text = "c", .base = Revision{1}});
  REQUIRE_FALSE(late);
  REQUIRE(late.error().code == Errc::conflict);
  REQUIRE(late.error().what ==
          "the configuration changed meanwhile: it is at revision 2, your change is of revision 1");
}

TEST_CASE("pruned numbers are never given again and the chain still holds") {
  Bench b;
  for (int i = 1; i <= 6; ++i) REQUIRE(b.revisions().append({.text = std::to_string(i)}));
  REQUIRE(b.revisions().prune(2) == 4u);
  auto list = b.revisions().list(10);
  REQUIRE(list->size() == 2);
  REQUIRE(list->at(0).number == Revision{6});
  REQUIRE(list->at(0).text.empty());
  REQUIRE(list->at(1).number == Revision{5});
  REQUIRE(b.revisions().verify() == 2u);
  REQUIRE(b.revisions().prune(0) == 1u);
  b.tamper_with("DELETE FROM revisions");
  REQUIRE(b.revisions().append({.text = "after"})->number == Revision{7});
}

TEST_CASE("a revision changed in the file is never acted on") {
  const char* changes[] = {
      "UPDATE revisions SET text = 'x' WHERE number = 2",
      "UPDATE revisions SET author = 'x' WHERE number = 2",
      "UPDATE revisions SET message = 'x' WHERE number = 2",
      "UPDATE revisions SET time = 1 WHERE number = 2",
      "UPDATE revisions SET prev = 'x' WHERE number = 2",
      "UPDATE revisions SET hash = 'x' WHERE number = 2",
  };
  for (const char* change : changes) {
    INFO(change);
    Bench b;
    REQUIRE(b.revisions().append({.text = "1"}));
    REQUIRE(b.revisions().append({.text = "2"}));
    b.tamper_with(change);
    auto latest = b.revisions().latest();
    REQUIRE_FALSE(latest);
    REQUIRE(latest.error().code == Errc::io);
    REQUIRE_FALSE(b.revisions().get({2}));
    REQUIRE_FALSE(b.revisions().append({.text = "3"}));
    REQUIRE(b.revisions().get({1}));
    auto verified = b.revisions().verify();
    REQUIRE_FALSE(verified);
    REQUIRE(verified.error().what.find("revision 2 is damaged") != std::string::npos);
  }
}

TEST_CASE("a revision taken out of the middle breaks the chain") {
  Bench b;
  for (int i = 1; i <= 4; ++i) REQUIRE(b.revisions().append({.text = std::to_string(i)}));
  b.tamper_with("DELETE FROM revisions WHERE number = 3");
  REQUIRE_FALSE(b.revisions().verify());
}

TEST_CASE("a configuration over the limit is refused and one at the limit is kept") {
  Bench b;
  auto big = b.revisions().append({.text = std::string(kConfigBytesMax + 1, 'x')});
  REQUIRE_FALSE(big);
  REQUIRE(big.error().code == Errc::limit);
  REQUIRE(b.revisions().append({.text = std::string(kConfigBytesMax, 'x')}));
  REQUIRE((*b.revisions().latest())->text.size() == kConfigBytesMax);
}

}  // namespace meshd::store
