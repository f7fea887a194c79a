// SPDX-License-Identifier: Apache-2.0
// route_match.h: a route's match, ready to be asked: patterns compiled, callers as numbers.
#pragma once
#include <string>
#include <vector>

#include "model/match.h"
#include "model/regex.h"
#include "snapshot/rule_table.h"

namespace meshd {

struct RequestFacts;

struct RouteMatch : model::Match {
  model::Regex path_regex;
  std::vector<model::Regex> header_regexes,
      query_regexes;                 // as headers and query; empty ones where there is none
  std::vector<PrincipalId> callers;  // as `from`
};

// The parts of a match, in the order in which they are looked at.
enum class Condition : uint8_t { none, connection, from, sni, path, methods, host, grpc, headers, query };
std::string_view name_of(Condition condition);

// The first condition that does not hold; none: the match holds. The one test of it: the table only narrows down.
struct Unmet {
  Condition what = Condition::none;
  const model::ValueMatch* value = nullptr;  // of headers and query
};
Unmet first_unmet(const RouteMatch& match, const RequestFacts& facts);
inline bool matches(const RouteMatch& match, const RequestFacts& facts) {
  return first_unmet(match, facts).what == Condition::none;
}

// PathPrefix of the Gateway API: `/v2` takes /v2 and /v2/x, not /v2x.
bool path_has_prefix(std::string_view path, std::string_view prefix);

}  // namespace meshd
