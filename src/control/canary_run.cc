// SPDX-License-Identifier: Apache-2.0
// canary_run.cc: a run under way: what nodes report, and each second: has the step settled, do its guards hold, what is next.
// Moves weights through canary_desk.cc.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/log.h"
#include "control/canary_desk.h"
#include "model/route_edit.h"

namespace meshd {
namespace {

std::string in_words(const Figures& f) {
  char text[160];
  snprintf(text, sizeof text, "success %.2f%% of %llu requests, p50 %.1fms, p99 %.1fms", f.success_percent(),
           static_cast<unsigned long long>(f.requests), 1000 * f.quantile_seconds(0.5),
           1000 * f.quantile_seconds(0.99));
  return text;
}

}  // namespace

void CanaryDesk::report(const std::string& node, const Json& line) {
  Report& now = reports_[node];
  now.epoch = int_of(line, "epoch");
  now.arms.clear();
  for (const Json& arm : list_of(line, "arms"))
    now.arms[{text_of(arm, "route"), text_of(arm, "arm")}] = figures_of(arm);
  for (auto& [route, step] : steps_)
    if (step.settled) step.base.try_emplace(node, now);
}

// Since its step has settled, over all nodes that reported then and now.
Figures CanaryDesk::figures(const Canary& canary, const Step& step) const {
  Figures sum;
  ArmKey key{canary.route, model::arm_label(canary.before[canary.named])};
  for (const auto& [node, base] : step.base) {
    auto now = reports_.find(node);
    if (now == reports_.end()) continue;
    auto sums = now->second.arms.find(key);
    if (sums == now->second.arms.end()) continue;
    auto before = base.arms.find(key);
    // Another process counts from nothing.
    bool same = now->second.epoch == base.epoch && before != base.arms.end();
    sum.add(same ? sums->second.since(before->second) : sums->second);
  }
  return sum;
}

bool CanaryDesk::settled(const Step& step) const {
  if (clock_.now() - step.begun >= kSettleMax) return true;
  const ContentPtr& content = publisher_.content();
  return content && std::ranges::all_of(registry_.all(), [&](const auto& n) {
           return !n.second.connected || n.second.sha256 == content->sha256;
         });
}

void CanaryDesk::tick() {
  std::vector<std::string> running;  // an end takes a step away
  for (const auto& [route, step] : steps_) running.push_back(route);
  for (const std::string& route : running) tick_one(canaries_.at(route));
}

void CanaryDesk::tick_one(Canary& canary) {
  Step& step = steps_.at(canary.route);
  if (!still_ours(canary)) {
    auto newest = store_.revisions().latest();
    std::string who = newest && *newest ? " by " + (*newest)->author : "";
    return end(canary, CanaryState::stopped,
               "the route was edited in revision " + std::to_string(publisher_.revision().value) + who +
                   "; its weights are as that edit left them");
  }
  if (!step.breach) {
    if (!step.settled) {
      step.waiting = "nodes to act on the step";
      if (!settled(step)) return;
      step.settled = true;
      return;
    }
    Figures f = figures(canary, step);
    if (f.requests >= std::max<uint64_t>(canary.min_requests, 1))
      if (auto guards = parse_guards(canary.guard)) step.breach = broken(*guards, f);
    if (!step.breach) return advance(canary, step);
    step.breach_at = clock_.now();
    step.waiting = "the weights of before";
  }
  // An edit of the file that is on its way gets the time to be noticed; one that cannot be taken up is left where it is.
  bool leave_file = clock_.now() - step.breach_at >= kRestoreWithin;
  std::string why = *step.breach + " at " + percent_text(canary.percent);
  auto back = put_back(canary, canary.by, "canary " + canary.route + ": aborted, " + why, leave_file);
  if (back) return end(canary, CanaryState::aborted, why);
  if (step.waiting != back.error().what)
    log::warn("weights cannot be put back yet", {{"route", canary.route}, {"error", back.error().what}});
  step.waiting = back.error().what;
}

// The step held: the next one, when its time and its requests are there.
void CanaryDesk::advance(Canary& canary, Step& step) {
  Figures f = figures(canary, step);
  if (clock_.now() - step.begun < canary.every) {
    step.waiting = "time";
    return;
  }
  if (f.requests < canary.min_requests) {
    step.waiting = "requests: " + std::to_string(f.requests) + " of " + std::to_string(canary.min_requests);
    return;
  }
  std::string held = percent_text(canary.percent) + " to " + canary.arm + " held: " + in_words(f);
  if (canary.percent >= 100) return end(canary, CanaryState::promoted, held);
  double next = std::min(100.0, std::round((canary.percent + canary.step) * 100) / 100);
  auto published = move_to(canary, next, canary.by,
                           "canary " + canary.route + ": " + percent_text(next) + " to " + canary.arm);
  if (!published) {
    if (step.waiting != published.error().what)
      log::warn("a canary cannot take its next step",
                {{"route", canary.route}, {"error", published.error().what}});
    step.waiting = published.error().what;
    return;
  }
  step = {};
  step.begun = clock_.now();
  note(canary, "step", held);
  saved();
  changed.notify();
}

}  // namespace meshd
