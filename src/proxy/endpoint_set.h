// SPDX-License-Identifier: Apache-2.0
// endpoint_set.h: the endpoints of one arm as one loop sees them now: which are usable, with what weight, in which group.
//
// Made once for a loop's snapshot; all that changes by itself is in the endpoints' states, which outlive it. What it
// derives from them it keeps until a state changes or time does: a pick looks at a few endpoints, not at all.
#pragma once
#include <vector>

#include "base/random.h"
#include "proxy/endpoint_state.h"
#include "snapshot/snapshot.h"

namespace meshd {

// Whose side the caller is on.
struct Here {
  std::string_view node, zone;
};

// 0: the node's own, 1: its zone's, 2: others; without preference all are 2.
inline constexpr uint32_t kNearness = 3;
uint32_t nearness(const Endpoint& e, const model::Balance& balance, Here here);

// The part of all requests that each group takes. A group can take 1.4 times its usable part (Envoy's overprovisioning
// factor): with 5 of 7 usable it still takes all that is meant for it, below that the rest goes to the next group.
struct GroupCount {
  uint32_t usable = 0, all = 0;
};
inline constexpr double kOverprovision = 1.4;
void spread_over(const GroupCount (&groups)[kNearness], double (&shares)[kNearness]);
// So few are usable that all are used, whatever is known of them.
bool is_panic(uint32_t usable, uint32_t all, const model::Balance& balance);
// The part of its weight that an endpoint has in its slow start, from a tenth to 1.
inline constexpr double kSlowStartLeast = 0.1;
double slow_start_part(Instant since, milliseconds length, Instant now);

class EndpointSet {
 public:
  struct Member {
    const Endpoint* endpoint;
    LocalPtr<EndpointState> state;
    double weight = 1;   // with its slow start
    uint64_t turn = 0;   // round-robin: when it is next, in virtual time
    uint32_t group = 2;  // nearness
    bool usable = false;
  };
  // Members by weight.
  struct Group {
    std::vector<uint32_t> members;
    std::vector<double> upto;     // sum of weights up to and with each
    std::vector<uint32_t> turns;  // round-robin: heap by Member::turn
    uint64_t time = 0;            // of the last turn
    double share = 0;             // of all requests
    double total() const { return upto.empty() ? 0 : upto.back(); }
  };

  // `service`: whose endpoints these are. `loads` may be null: then limits are not looked at.
  EndpointSet(Endpoints endpoints, const model::Balance& balance, const model::EndpointLimits& limits,
              EndpointStates& states, Here here, Bulkheads* loads, uint64_t seed);

  // Everything below is true from now until the next call.
  void refresh(Instant now);

  std::vector<Member>& members() { return members_; }
  Group& group(uint32_t i) { return groups_[i]; }
  // All that are not usable, or all in a panic.
  Group& rest() { return groups_[kNearness]; }
  bool panic() const { return panic_; }
  const model::Balance& balance() const { return balance_; }
  const model::EndpointLimits& limits() const { return limits_; }
  double mean_weight() const { return mean_weight_; }

 private:
  void regroup(Instant now);
  void add(Group& g, uint32_t member);

  const model::Balance& balance_;
  const model::EndpointLimits& limits_;
  EndpointStates& states_;
  std::vector<Member> members_;
  Group groups_[kNearness + 1];
  bool panic_ = false;
  double mean_weight_ = 1;
  uint64_t seen_ = 0;  // changes of the states
  bool fresh_ = false;
  Instant until_{};  // when time alone changes something
  FastRandom random_;
};

}  // namespace meshd
