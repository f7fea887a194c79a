// SPDX-License-Identifier: Apache-2.0
#include "proxy/flow_table.h"

#include <catch2/catch_test_macros.hpp>

#include "snapshot/decide.h"

namespace meshd {
namespace {

std::string shape_of(std::string_view path) {
  std::string out;
  append_shape(path, out);
  return out;
}

}  // namespace

TEST_CASE("a path's shape is a pattern that takes it, with what names one of many left open") {
  const struct {
    const char *path, *shape;
  } cases[] = {
      {"/", "/"},
      {"/a/b", "/a/b"},
      {"/a/", "/a/"},
      {"/users/42/orders/7", "/users/*/orders/*"},
      {"/v2/x", "/v2/x"},
      {"/o/550e8400-e29b-41d4-a716-446655440000", "/o/*"},
      {"/c/deadbeef01", "/c/*"},
      {"/c/facade", "/c/facade"},
      {"/c/deadbeef", "/c/deadbeef"},
      {"/glob/a*b", "/glob/*"},
      {"/glob/**", "/glob/*"},
      {"*", "*"},
      {"/1/2/3/4/5/6/7/8/9/10/11/12/13/14", "/*/*/*/*/*/*/*/*/*/*/*/*/**"},
  };
  for (const auto& c : cases) {
    INFO(c.path);
    CHECK(shape_of(c.path) == c.shape);
    if (c.path[0] == '/') CHECK(path_matches_pattern(c.path, c.shape));
  }
  CHECK(shape_of("/" + std::string(kFlowTextMax, 'x')) == "/**");
}

TEST_CASE("many names at one place are one flow, and every flow's shape takes its example") {
  Peer shop{{}, "spiffe://m/ns/default/sa/shop", "service/shop"};
  FlowTable table;
  for (int i = 0; i < 1000; ++i) {
    std::string path = "/user/name-" + std::to_string(i) + "x/profile";
    table.add({shop, "web", 80, "GET", path}, 100 + i);
  }
  FlowBatch batch = table.take();
  CHECK(batch.flows.size() == kFlowFanOut + 1);
  CHECK(batch.overflow == 0);
  uint64_t all = 0;
  for (const auto& [key, count] : batch.flows) {
    all += count.count;
    CHECK(path_matches_pattern(count.example, key.path));
  }
  CHECK(all == 1000);
  FlowKey open{shop.uri, "web", 80, "GET", "/user/*/profile"};
  REQUIRE(batch.flows.contains(open));
  CHECK(batch.flows[open].first == 100 + static_cast<int64_t>(kFlowFanOut));
  CHECK(batch.flows[open].last == 1099);
  CHECK(table.take().flows.empty());
}

TEST_CASE("a table that is full counts what it has no room for") {
  Peer shop{{}, "spiffe://m/ns/default/sa/shop", "service/shop"};
  FlowTable table;
  for (size_t i = 0; i < kFlowsMax + 10; ++i) table.add({shop, "web", 80, "M" + std::to_string(i), "/"}, 1);
  FlowBatch batch = table.take();
  CHECK(batch.flows.size() == kFlowsMax);
  CHECK(batch.overflow == 10);
}

}  // namespace meshd
