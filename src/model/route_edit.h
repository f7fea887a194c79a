// SPDX-License-Identifier: Apache-2.0
// route_edit.h: changes the split of one route in the file's own text. Only the weights, or the `to:` list of that route,
// become other bytes; comments, order and form stay.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/model.h"

namespace meshd::model {

// "version=v2", "lane=a,version=v2", "service/shop version=v2", "all": one arm of a route, for people and metrics.
std::string arm_label(const Tags& tags, std::string_view other_service);
inline std::string arm_label(const RouteTo& to) { return arm_label(to.tags, to.service); }

// The text with these arms on the route: those that it has already, in their order, with their weights, and then new ones.
// A weight that is right already keeps its bytes. Errors: not_found (no such route; says which there are),
// invalid_argument (the text has errors), unsupported (it cannot be done without touching more; says why).
Outcome<std::string> set_arms(std::string_view text, std::string_view route,
                              const std::vector<RouteTo>& arms);

// The bytes of the route's item in the text: what a person sees as the route. Errors: as set_arms.
Outcome<std::string> route_text(std::string_view text, std::string_view route);

}  // namespace meshd::model
