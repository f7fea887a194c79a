// SPDX-License-Identifier: Apache-2.0
// split_plan.h: from "v2 gets 5 %" to the arms of a route with whole weights. Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/model.h"

namespace meshd {

struct Share {
  std::string arm;     // "v2" (a tag's value, or another service's name), "version=v2", "lane=a,version=v2"
  double percent = 0;  // at most two decimals
};

// "v2=5%". Errors: invalid_argument.
Outcome<Share> parse_share(std::string_view text);

// The arms that the route has, or where the file names none those that its service's instances have by the tag that `arm`
// names, with weights as traffic is spread now. An arm that is named and not there stands last, with weight 0.
struct Split {
  std::vector<model::RouteTo> arms;
  size_t named = 0;  // index of the arm asked for
  double percent(size_t arm) const;
};
// Errors: not_found (no such route or tag), conflict (several arms are meant, or an arm overlaps), invalid_argument.
Outcome<Split> split_of(const model::Model& model, std::string_view route, std::string_view arm);

// The shares, and the rest to the other arms as they stand to each other in `from` (equally where they have nothing).
// Weights add up to 100, 1,000 or 10,000, the least that is exact. Errors: as split_of; invalid_argument (over 100 %).
Outcome<std::vector<model::RouteTo>> plan_split(const model::Model& model, std::string_view route,
                                                const std::vector<Share>& shares);
// The same for one arm by its index.
std::vector<model::RouteTo> with_share(std::vector<model::RouteTo> from, size_t arm, double percent);

}  // namespace meshd
