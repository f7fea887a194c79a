// SPDX-License-Identifier: Apache-2.0
#include "store/flows.h"

#include <catch2/catch_test_macros.hpp>

#include "store/store.h"
#include "store/testing.h"

namespace meshd::store {

TEST_CASE("flows are added up, kept over a restart, listed by when they were seen, and bounded") {
  TempDir dir;
  FakeClock clock;
  auto store = Store::open(dir.file(), clock, fake_hash);
  REQUIRE(store);
  auto flow = [](const char* path, uint64_t count, UnixSeconds first, UnixSeconds last) {
    return FlowRecord{"spiffe://m/ns/default/sa/a", "web", 80, "GET", path, path, count, first, last};
  };
  REQUIRE((*store)->flows().add({flow("/a", 2, 10, 20), flow("/b", 1, 30, 40)}));
  REQUIRE((*store)->flows().add({flow("/a", 3, 5, 15), flow("/c", 1, 50, 50)}));
  store->reset();
  store = Store::open(dir.file(), clock, fake_hash);
  REQUIRE(store);
  auto all = (*store)->flows().list(0);
  REQUIRE(all);
  REQUIRE(all->size() == 3);
  CHECK(all->at(0).path == "/a");
  CHECK(all->at(0).count == 5);
  CHECK(all->at(0).first == 5);
  CHECK(all->at(0).last == 20);
  CHECK((*store)->flows().list(40)->size() == 2);
  CHECK((*store)->flows().prune(2) == 1u);
  CHECK((*store)->flows().list(0)->at(0).path == "/b");
}

}  // namespace meshd::store
