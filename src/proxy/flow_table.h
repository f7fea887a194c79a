// SPDX-License-Identifier: Apache-2.0
// flow_table.h: who called what: (caller, called service, port, method, shape of the path), counted in bounded space.
//
// A path's shape is a policy pattern that takes it: segments that are numbers, UUIDs or long hex are `*`, and so are
// those beyond kFlowFanOut different ones at one place. Only what policy allowed is counted.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "proxy/peer.h"

namespace meshd {

inline constexpr size_t kFlowsMax =
    4'096;  // of one loop between two collections; the rest is counted together
inline constexpr size_t kFlowFanOut = 32;         // different segments at one place before others are `*`
inline constexpr size_t kFlowPlacesMax = 16'384;  // segments that are remembered for that
inline constexpr size_t kFlowDepthMax = 12;       // segments; what is below is `**`
inline constexpr size_t kFlowTextMax = 512;  // bytes of a shape and of an example; longer paths are `/**`

struct FlowKey {
  std::string caller;  // SPIFFE ID; empty: nobody
  std::string service;
  uint16_t port = 0;
  std::string method;  // empty: opaque bytes
  std::string path;    // its shape
  friend auto operator<=>(const FlowKey&, const FlowKey&) = default;
};
struct FlowCount {
  uint64_t count = 0;
  int64_t first = 0, last = 0;  // Unix seconds
  std::string example;          // a path that was asked for, without query
  void add(const FlowCount& more);
};
struct FlowBatch {
  std::map<FlowKey, FlowCount> flows;
  uint64_t overflow = 0;  // requests of flows beyond kFlowsMax
  void add(FlowBatch more, size_t max);
};

// Belongs to one loop.
class FlowTable {
 public:
  struct Seen {
    const Peer& caller;
    std::string_view service;
    uint16_t port;
    std::string_view method, path;  // empty: opaque bytes; path without query
  };
  void add(const Seen& seen, int64_t now);
  // What was counted since the last time.
  FlowBatch take();

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>()(s); }
  };
  struct Entry {
    FlowKey key;
    FlowCount count;
  };
  void collapse(std::string_view service, std::string& shape);

  std::unordered_map<const Peer*, std::unordered_map<std::string, Entry, Hash, std::equal_to<>>> flows_;
  size_t size_ = 0;
  uint64_t overflow_ = 0;
  std::unordered_map<std::string, std::unordered_set<std::string>> places_;  // service and prefix → segments
  size_t places_size_ = 0;
  std::string key_;  // reused
};

// The shape that a path has by its own look.
void append_shape(std::string_view path, std::string& out);

}  // namespace meshd
