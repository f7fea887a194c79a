// SPDX-License-Identifier: Apache-2.0
// route_table.h: the routes of one service, indexed by path, so that a request looks at those that can match only.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/model.h"

namespace meshd {

struct Route;
struct RequestFacts;

class RouteTable {
 public:
  // `routes` must outlive the table and not move.
  void build(std::span<const Route> routes);
  // The first route in order that matches; null: none. No allocation.
  const Route* find(const RequestFacts& facts) const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>()(s); }
  };
  using Index = std::unordered_map<std::string, std::vector<uint32_t>, Hash, std::equal_to<>>;

  std::span<const Route> routes_;
  Index exact_;                // path → routes, ascending
  Index prefix_;               // path without final slash → routes, ascending; "" takes every path
  std::vector<uint32_t> any_;  // routes that do not look at the path
  size_t prefix_depth_ = 0;    // most segments of any prefix
};

// Whether one route's match holds; what the table narrows down to, and what it must agree with.
bool matches(const model::Match& match, const RequestFacts& facts);
// PathPrefix of the Gateway API: `/v2` takes /v2 and /v2/x, not /v2x.
bool path_has_prefix(std::string_view path, std::string_view prefix);

}  // namespace meshd
