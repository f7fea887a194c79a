// SPDX-License-Identifier: Apache-2.0
// shadow.h: live requests decided a second time, by a candidate that acts on nothing: where it would differ is counted.
//
// The calling side compares routes, the called side policy. Without a shadow a request costs one test of a pointer.
#pragma once
#include <compare>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "proxy/peer.h"
#include "snapshot/compare.h"
#include "telemetry/direction.h"

namespace meshd {

struct Exchange;

inline constexpr size_t kShadowRowsMax = 128;  // of one node; what is beyond is counted together
inline constexpr size_t kShadowSamples = 4;    // requests kept of each, the newest
inline constexpr size_t kShadowTextMax = 256;  // bytes of a sample's path and caller

// One candidate beside the snapshot that it is compared with. Counts go on as long as the id stays the same.
struct ShadowOrder {
  std::string id;
  SnapshotPtr live, candidate;
};
using ShadowOrderPtr = std::shared_ptr<const ShadowOrder>;

struct ShadowKey {
  Difference kind;
  Direction direction;
  std::string service, before, after;
  friend auto operator<=>(const ShadowKey&, const ShadowKey&) = default;
};
struct ShadowSample {
  int64_t time_ms = 0;
  std::string source, method, path;
};
struct ShadowRow {
  uint64_t count = 0;
  int64_t first_ms = 0, last_ms = 0;
  std::vector<ShadowSample> samples;  // a ring: the oldest is replaced
  void add(ShadowSample sample);
};
struct ShadowCounts {
  uint64_t routed = 0, judged = 0;  // requests and connections that were compared
  uint64_t different = 0;
  uint64_t overflow = 0;  // of those, beyond kShadowRowsMax rows
  std::map<ShadowKey, ShadowRow> rows;
};
ShadowCounts merge(const std::vector<ShadowCounts>& loops);

// Belongs to one loop.
class LoopShadow {
 public:
  // `before`: what this takes the place of; its counts go on where the ids are equal. May be null.
  LoopShadow(ShadowOrderPtr order, LoopShadow* before);

  // After route_request, before anything of the request is changed.
  void routed(const Exchange& x, const RequestFacts& facts);
  // After authorize, for the service that it asked about.
  void judged(const Exchange& x, const ServiceEntry& of, const RequestFacts& facts);

  const ShadowCounts& counts() const { return counts_; }

 private:
  struct Seen {
    Difference kind;
    const void *before, *after, *service;
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  struct SeenHash {
    size_t operator()(const Seen& s) const noexcept;
  };
  // The same request as the candidate sees it; `to` is null where it has no such service.
  RequestFacts as_candidate(const Exchange& x, const ServiceEntry& of, const RequestFacts& facts);
  template <class Words>
  void differs(const Exchange& x, const ServiceEntry& of, const RequestFacts& facts, const Seen& seen,
               Words words);

  ShadowOrderPtr order_;
  ShadowCounts counts_;
  RouteComparison routes_;
  std::unordered_map<const Peer*, PrincipalId> principals_;
  std::unordered_map<const ServiceEntry*, const ServiceEntry*> services_;
  std::unordered_map<Seen, ShadowRow*, SeenHash> seen_;
};

}  // namespace meshd
