// SPDX-License-Identifier: Apache-2.0
// replay.h: requests of an access log, decided again by two snapshots: what would change.
//
// Of a line these count: direction, source, service, method, path (or asked_path), host (or asked_host), grpc, headers.
// An inbound line is judged by policy; an outbound one is routed, and what it would send is judged too. Not replayed:
// health and load (which endpoint), rate limits, shares of faults and mirrors; and lines that say too little, which are
// counted by what they lack.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "snapshot/compare.h"

namespace meshd {

inline constexpr size_t kReplayLineMax = 256 * 1024;  // a longer line is not replayed
inline constexpr size_t kReplayListed = 10'000;       // changed requests that are listed one by one

class Replay {
 public:
  Replay(SnapshotPtr before, SnapshotPtr after) : before_(std::move(before)), after_(std::move(after)) {}

  // The next line of the log.
  void line(std::string_view text);

  uint64_t changed() const { return changed_; }
  // {"apiVersion","kind":"Replay","read","replayed","changed","groups":[{"kind","direction","service","before","after",
  //  "count","first_line"}],"requests":[{"line","time","direction","source","service","method","path","differences":
  //  [{"kind","before","after"}]}],"not_listed","not_replayed":[{"why","count","first_line"}]}
  Json json_of() const;

 private:
  struct Recorded;
  struct Changed {
    Difference kind;
    std::string before, after;
  };
  struct Group {
    uint64_t count = 0, first_line = 0;
  };
  struct GroupKey {
    Difference kind;
    std::string direction, service, before, after;
    friend auto operator<=>(const GroupKey&, const GroupKey&) = default;
  };

  void skip(std::string why);
  std::vector<Changed> differences(const Recorded& r);
  std::vector<Changed> routed(const Recorded& r, const ServiceEntry& before, const ServiceEntry& after);

  SnapshotPtr before_, after_;
  RouteComparison routes_;
  uint64_t lines_ = 0, replayed_ = 0, changed_ = 0;
  std::map<GroupKey, Group> groups_;
  std::map<std::string, Group> skipped_;
  JsonArray requests_;
};

}  // namespace meshd
