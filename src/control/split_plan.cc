// SPDX-License-Identifier: Apache-2.0
#include "control/split_plan.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "model/diagnostics.h"
#include "model/route_edit.h"
#include "model/scalars.h"

namespace meshd {
namespace {

using model::RouteTo;
using model::Tags;

double total_of(const std::vector<RouteTo>& arms) {
  double total = 0;
  for (const RouteTo& a : arms) total += a.weight;
  return total;
}

std::string labels(const std::vector<RouteTo>& arms) {
  std::string out;
  for (const RouteTo& a : arms) out += (out.empty() ? "" : ", ") + model::arm_label(a);
  return out;
}

// "a=b,c=d" as tags; empty for anything else.
Tags tags_in(std::string_view text) {
  Tags out;
  while (!text.empty()) {
    std::string_view pair = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    size_t equals = pair.find('=');
    if (equals == 0 || equals == std::string_view::npos) return {};
    out[std::string(pair.substr(0, equals))] = pair.substr(equals + 1);
  }
  return out;
}

bool includes(const Tags& all, const Tags& some) {
  return std::ranges::all_of(some, [&](const auto& t) {
    auto it = all.find(t.first);
    return it != all.end() && it->second == t.second;
  });
}

bool named(const RouteTo& arm, std::string_view name, const Tags& tags) {
  if (!tags.empty()) return includes(arm.tags, tags);
  return arm.service == name ||
         std::ranges::any_of(arm.tags, [&](const auto& t) { return t.second == name; });
}

// The one tag of the service's instances that the name means.
Outcome<Tags> tag_of(const model::Service& service, std::string_view name, const Tags& tags) {
  if (!tags.empty()) {
    for (const model::Instance& i : service.instances)
      if (includes(i.tags, tags)) return tags;
  } else {
    Tags found;
    for (const model::Instance& i : service.instances)
      for (const auto& t : i.tags)
        if (t.second == name) found.insert(t);
    if (found.size() == 1) return found;
    if (found.size() > 1)
      return fail(Errc::conflict,
                  "'" + std::string(name) + "' is a value of several tags; name one as key=value");
  }
  return fail(Errc::not_found, "no instance of " + service.name + " has the tag '" + std::string(name) + "'");
}

// Without a list all instances share: one arm for each value of the tag.
Outcome<std::vector<RouteTo>> by_instances(const model::Service& service, const Tags& tag) {
  if (tag.size() != 1) return fail(Errc::invalid_argument, "the route has no `to:`; name the arm by one tag");
  const std::string& key = tag.begin()->first;
  std::map<std::string, uint32_t> weights;
  for (const model::Instance& i : service.instances) {
    if (i.port == 0) continue;  // only calls others
    auto value = i.tags.find(key);
    if (value == i.tags.end())
      return fail(Errc::conflict, "an instance of " + service.name + " has no tag '" + key +
                                      "' and would get nothing; tag it, or write the route's `to:`");
    weights[value->second] += i.weight;
  }
  std::vector<RouteTo> arms;
  for (const auto& [value, weight] : weights) {
    RouteTo arm;
    arm.tags[key] = value;
    arm.weight = weight;
    arms.push_back(std::move(arm));
  }
  return arms;
}

// Whole weights for these percentages, of a sum that takes them exactly, or of 10,000.
std::vector<uint32_t> whole(const std::vector<double>& percents) {
  for (double scale : {1.0, 10.0, 100.0}) {
    std::vector<uint32_t> out;
    bool exact = true;
    for (double p : percents) {
      exact = exact && std::abs(p * scale - std::round(p * scale)) < 1e-6;
      out.push_back(static_cast<uint32_t>(std::llround(p * scale)));
    }
    if (exact) return out;
  }
  // The largest remainders get what rounding down leaves.
  std::vector<uint32_t> out;
  std::vector<size_t> order(percents.size());
  std::iota(order.begin(), order.end(), 0);
  for (double p : percents) out.push_back(static_cast<uint32_t>(std::floor(p * 100 + 1e-9)));
  auto rest = [&](size_t i) { return percents[i] * 100 - out[i]; };
  std::vector<double> rests;
  for (size_t i = 0; i < percents.size(); ++i) rests.push_back(rest(i));
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return std::pair(-rests[a], a) < std::pair(-rests[b], b); });
  uint32_t sum = std::accumulate(out.begin(), out.end(), 0u);
  for (size_t i = 0; i < order.size() && sum < 10'000; ++i, ++sum) ++out[order[i]];
  return out;
}

std::vector<RouteTo> spread_rest(std::vector<RouteTo> arms, const std::map<size_t, double>& fixed) {
  double given = 0, others = 0;
  size_t others_count = 0;
  for (size_t i = 0; i < arms.size(); ++i) {
    if (auto it = fixed.find(i); it != fixed.end())
      given += it->second;
    else
      others += arms[i].weight, ++others_count;
  }
  std::vector<double> percents;
  for (size_t i = 0; i < arms.size(); ++i) {
    auto it = fixed.find(i);
    if (it != fixed.end())
      percents.push_back(it->second);
    else
      percents.push_back((100 - given) *
                         (others > 0 ? arms[i].weight / others : 1.0 / static_cast<double>(others_count)));
  }
  std::vector<uint32_t> weights = whole(percents);
  for (size_t i = 0; i < arms.size(); ++i) arms[i].weight = weights[i];
  return arms;
}

}  // namespace

Outcome<Share> parse_share(std::string_view text) {
  size_t equals = text.rfind('=');
  auto percent =
      equals == std::string_view::npos ? std::nullopt : model::parse_percent(text.substr(equals + 1));
  if (!percent || equals == 0 || std::abs(*percent * 100 - std::round(*percent * 100)) > 1e-6)
    return fail(Errc::invalid_argument,
                "'" + std::string(text) +
                    "' is no share; it looks like v2=5% or version=v2=0.5% (two decimals at most)");
  return Share{std::string(text.substr(0, equals)), *percent};
}

double Split::percent(size_t arm) const {
  double total = total_of(arms);
  return total > 0 ? 100 * arms[arm].weight / total : 0;
}

Outcome<Split> split_of(const model::Model& model, std::string_view route, std::string_view arm) {
  const model::Route* r = nullptr;
  std::vector<std::string_view> names;
  for (const model::Route& candidate : model.routes) {
    names.push_back(candidate.name);
    if (candidate.name == route) r = &candidate;
  }
  if (r == nullptr) {
    std::string hint = model::did_you_mean(route, names);
    return fail(Errc::not_found, "there is no route '" + std::string(route) + "'; " +
                                     (!hint.empty()   ? hint
                                      : names.empty() ? "the file has none"
                                                      : "there are " + model::list_words(names)));
  }
  const model::Service* service = model::find_service(model, r->service);
  if (service == nullptr) return fail(Errc::not_found, "the route's service is not in the file");
  Tags tags = tags_in(arm);
  Split split;
  split.arms = r->to;
  if (split.arms.empty()) {
    auto tag = tag_of(*service, arm, tags);
    if (!tag) return fail(std::move(tag.error()));
    auto arms = by_instances(*service, *tag);
    if (!arms) return fail(std::move(arms.error()));
    split.arms = std::move(*arms);
  }
  size_t found = 0;
  for (size_t i = 0; i < split.arms.size(); ++i)
    if (named(split.arms[i], arm, tags)) split.named = i, ++found;
  if (found == 1) return split;
  if (found > 1)
    return fail(Errc::conflict, "'" + std::string(arm) + "' means several arms of " + labels(split.arms) +
                                    "; name one as key=value");
  auto tag = tag_of(*service, arm, tags);
  if (!tag) return fail(Errc::not_found, tag.error().what + "; the route's arms are " + labels(split.arms));
  for (const RouteTo& a : split.arms)
    for (const model::Instance& i : service->instances)
      if (a.service.empty() && includes(i.tags, *tag) && includes(i.tags, a.tags))
        return fail(Errc::conflict, "the arm " + model::arm_label(a) + " has instances of '" +
                                        std::string(arm) + "' too; narrow its tags first");
  RouteTo fresh;
  fresh.tags = *tag;
  fresh.weight = 0;
  split.named = split.arms.size();
  split.arms.push_back(std::move(fresh));
  return split;
}

Outcome<std::vector<RouteTo>> plan_split(const model::Model& model, std::string_view route,
                                         const std::vector<Share>& shares) {
  std::vector<RouteTo> arms;
  std::map<size_t, double> fixed;
  double sum = 0;
  for (const Share& share : shares) {
    auto split = split_of(model, route, share.arm);
    if (!split) return fail(std::move(split.error()));
    const RouteTo& wanted = split->arms[split->named];
    if (arms.empty()) arms = split->arms;
    auto same = [&](const RouteTo& a) { return a.tags == wanted.tags && a.service == wanted.service; };
    auto at = std::ranges::find_if(arms, same);
    if (at == arms.end()) at = arms.insert(arms.end(), wanted);
    if (!fixed.emplace(static_cast<size_t>(at - arms.begin()), share.percent).second)
      return fail(Errc::invalid_argument, "'" + share.arm + "' is named twice");
    sum += share.percent;
  }
  bool all = fixed.size() == arms.size();
  if (shares.empty() || sum > 100 + 1e-6 || (all && sum < 100 - 1e-6))
    return fail(Errc::invalid_argument, all ? "the shares of all arms must add up to 100%"
                                            : "shares must not add up to more than 100%");
  return spread_rest(std::move(arms), fixed);
}

std::vector<RouteTo> with_share(std::vector<RouteTo> from, size_t arm, double percent) {
  if (from.size() < 2) return from;
  return spread_rest(std::move(from), {{arm, percent}});
}

}  // namespace meshd
