// SPDX-License-Identifier: Apache-2.0
#include "store/audit.h"

#include <catch2/catch_test_macros.hpp>

#include "store/store.h"
#include "store/testing.h"

namespace meshd::store {

TEST_CASE("audit rows are listed newest first, in pages") {
  TempDir dir;
  FakeClock clock;
  auto store = Store::open(dir.file(), clock, fake_hash);
  REQUIRE(store);
  Audit& audit = (*store)->audit();
  for (int i = 1; i <= 5; ++i)
    REQUIRE(audit.append({"uid:0", "token.create", R"({"id":)" + std::to_string(i) + "}"}) ==
            static_cast<uint64_t>(i));
  auto page = audit.list(2);
  REQUIRE(page->size() == 2);
  REQUIRE(page->at(0).number == 5);
  REQUIRE(page->at(1).detail == R"({"id":4})");
  REQUIRE(page->at(1).time == clock.unix_now());
  page = audit.list(2, page->back().number);
  REQUIRE(page->at(0).number == 3);
  REQUIRE(audit.verify() == 5u);
}

TEST_CASE("any change to the audit log but cutting its end is found") {
  const char* changes[] = {
      "UPDATE audit SET who = 'uid:1' WHERE number = 3",
      "UPDATE audit SET what = 'x' WHERE number = 3",
      "UPDATE audit SET detail = '{}' WHERE number = 3",
      "UPDATE audit SET time = time + 1 WHERE number = 3",
      // The same bytes with the border between two fields moved.
      "UPDATE audit SET who = who || substr(what, 1, 1), what = substr(what, 2) WHERE number = 3",
      "DELETE FROM audit WHERE number = 3; UPDATE audit SET number = number - 1 WHERE number > 3",
      "DELETE FROM audit WHERE number = 1",
  };
  for (const char* change : changes) {
    INFO(change);
    TempDir dir;
    FakeClock clock;
    auto store = Store::open(dir.file(), clock, fake_hash);
    REQUIRE(store);
    for (int i = 0; i < 5; ++i)
      REQUIRE((*store)->audit().append({"uid:0", "config.apply", R"({"revision":1})"}));
    store->reset();
    REQUIRE(tamper(dir.file(), change));
    store = Store::open(dir.file(), clock, fake_hash);
    REQUIRE(store);
    auto verified = (*store)->audit().verify();
    REQUIRE_FALSE(verified);
    REQUIRE(verified.error().code == Errc::io);
  }
}

}  // namespace meshd::store
