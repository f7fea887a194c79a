// SPDX-License-Identifier: Apache-2.0
// figures.h: how requests went over some time, from what nodes count: in sums that only grow, so that a report that is
// lost costs nothing; and guards, which say how they should have gone.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "telemetry/metrics.h"

namespace meshd {

struct Figures {
  uint64_t requests = 0;
  uint64_t failures = 0;        // of these: 5xx, or no answer
  std::vector<uint64_t> steps;  // how long they took: LogLinear; trailing zeros left out

  void add(const Figures& other);
  // What came since `before`, an earlier state of the same sums.
  Figures since(const Figures& before) const;
  double success_percent() const;           // 100 where there were no requests
  double quantile_seconds(double q) const;  // 0 where there were none
};

using ArmKey = std::pair<std::string, std::string>;  // route, arm
using ArmFigures = std::map<ArmKey, Figures>;

// Of the arms of `routes`.
ArmFigures arm_figures(const MetricsCopy& metrics, const std::set<std::string>& routes);
// Of all that this node calls and answers.
Figures node_figures(const MetricsCopy& metrics);

// {"requests","failures","steps": [[step, count]…]}
Json figures_json(const Figures& figures);
Figures figures_of(const Json& j);

// "success>=99%", "p99<=200ms": one condition that must hold.
struct Guard {
  enum Metric : uint8_t { success, quantile } metric = success;
  double q = 0;  // of a quantile
  enum Compare : uint8_t { at_least, at_most, above, below } compare = at_least;
  double bound = 0;  // percent or seconds
  std::string text;  // as written
};

// Conditions between spaces. Errors: invalid_argument, naming the one that cannot be read.
Outcome<std::vector<Guard>> parse_guards(std::string_view text);

// The first guard that does not hold, as "success>=99%: success was 93.1% of 120 requests"; nothing where all hold.
std::optional<std::string> broken(const std::vector<Guard>& guards, const Figures& figures);

}  // namespace meshd
