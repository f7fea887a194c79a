// SPDX-License-Identifier: Apache-2.0
// limit_leases.h: this node's shares of mesh-wide rate limits (`scope: mesh`), on the control thread.
//
// Each kLeaseInterval the node tells the server what was asked of each such budget, and the server lends it shares
// (limit_shares.h) that hold for kLeaseLife from the moment of the report they answer. When they run out a node goes by
// the one rule that needs no word from anybody: a share above an equal part (limit / nodes) falls to it at once; one
// below rises to it only two lives later, when whatever the server lent to others meanwhile has run out too. So the
// shares in use never add up to more than the limit.
//
// A limit with a key has a budget per value; the busiest kLeasedKeysMax of a node, and of the mesh, are shared by demand.
// All others have their equal part, as has one that a node sees for the first time, for one interval.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "loop/loop.h"
#include "proxy/rate_limit.h"
#include "snapshot/snapshot.h"

namespace meshd {

inline constexpr milliseconds kLeaseInterval{200};
inline constexpr milliseconds kLeaseLife{2'000};  // ten reports: a slow turn of the server costs nothing
inline constexpr size_t kLeasedKeysMax = 64;      // the server looks at each of them for each report
inline constexpr milliseconds kKeyIdle{10'000};   // after which a key is forgotten
inline constexpr int64_t kWholeShare = 1'000'000'000;

class LimitLeases {
 public:
  using Send = std::function<void(const Json&)>;
  // `send` carries a line to the server, or loses it.
  LimitLeases(std::shared_ptr<RateBudgets> budgets, const Clock& clock, Send send)
      : budgets_(std::move(budgets)), clock_(clock), send_(std::move(send)) {}

  // Takes up the limits of this snapshot. Without any, nothing is said and no timer runs.
  void follow(const SnapshotPtr& snapshot);
  void stop() { timer_.stop(); }
  // {"type":"shares"} of protocol.h.
  void granted(const Json& line);
  // What the timer does: shares that ran out fall back, and the server is told the demand.
  void tick();

  // Items of `meshd get limits`: all limits of the snapshot, by name.
  JsonArray list() const;

 private:
  // One budget that is reported.
  struct Held {
    RateBudgetPtr budget;
    const model::RateLimit* limit = nullptr;  // of snapshot_
    std::string wire;                         // its name without what a key says
    uint64_t asked = 0;                       // at the last tick
    double demand = 0;                        // per second, smoothed
    Instant used;
  };
  enum class State { none, leased, lapsed };

  void hold(RateBudgetPtr budget, const model::RateLimit& limit, Instant now);
  void take_up_keys(Instant now);
  void apply(Held& held, Instant now);
  void report(Instant now);
  void rearm();
  State state(Instant now) const;
  double share_of(const Held& held, Instant now) const;

  std::shared_ptr<RateBudgets> budgets_;
  const Clock& clock_;
  Send send_;
  SnapshotPtr snapshot_;
  std::map<std::string, const Route*> limits_;  // by name; with scope mesh
  std::map<std::string, Held> held_;            // by the budget's name
  size_t keys_ = 0;                             // of held_, those with a key
  std::map<std::string, int64_t> shares_;       // lent, by wire name
  int64_t acts_on_ = 0;                         // number of the newest grant
  Instant until_;                               // shares_ hold
  Instant ticked_;
  Timer timer_{[](void* self) { static_cast<LimitLeases*>(self)->tick(); }, this};
};

// The name by which nodes and server speak of a budget: keys may be secrets, so of them only a digest is said.
std::string wire_name(const std::string& budget);

}  // namespace meshd
