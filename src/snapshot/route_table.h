// SPDX-License-Identifier: Apache-2.0
// route_table.h: the routes of one service, indexed, so that a request looks at those that can match only: by path,
// and where many routes share a path by the exact value of a header field, by host or by caller.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "snapshot/path_index.h"

namespace meshd {

struct Route;
struct RequestFacts;

class RouteTable {
 public:
  // `routes` must outlive the table and not move.
  void build(std::span<const Route> routes);
  // The first route in order that matches; null: none. No allocation but what RE2 needs for its cache of states.
  const Route* find(const RequestFacts& facts) const;

  // Some route looks at the server name of opaque connections.
  bool looks_at_server_names() const { return server_names_; }

  // What a route can be told apart by besides its path.
  enum class By : uint8_t { header, host, caller };

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>()(s); }
  };
  struct Index {
    By by = By::header;
    std::string name;                                                                     // of the field
    std::unordered_map<std::string, std::vector<uint32_t>, Hash, std::equal_to<>> lists;  // ascending
  };
  // The routes of one place of the path index.
  struct Place {
    std::vector<uint32_t> rest;  // that no index has; ascending
    std::vector<Index> indexes;
  };
  void index(Place& place) const;
  static void collect(const Place& place, const RequestFacts& facts, Merged& out);

  std::span<const Route> routes_;
  PathIndex paths_;
  std::vector<Place> places_;
  bool server_names_ = false;
};

}  // namespace meshd
