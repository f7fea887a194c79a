// SPDX-License-Identifier: Apache-2.0
#include "control/figures.h"

#include <algorithm>
#include <cstdio>

#include "model/scalars.h"
#include "telemetry/golden.h"

namespace meshd {
namespace {

uint64_t count_of(const Json& j, const char* key) {
  return static_cast<uint64_t>(std::max<int64_t>(int_of(j, key), 0));
}

std::string decimal(double value, const char* format) {
  char text[64];
  snprintf(text, sizeof text, format, value);
  return text;
}

std::string in_words(const Guard& guard, double value) {
  if (guard.metric == Guard::success) return decimal(value, "%.2f%%");
  return decimal(value * 1000, "%.1fms");
}

bool holds(const Guard& guard, double value) {
  switch (guard.compare) {
    case Guard::at_least: return value >= guard.bound;
    case Guard::at_most: return value <= guard.bound;
    case Guard::above: return value > guard.bound;
    case Guard::below: return value < guard.bound;
  }
  return false;
}

Outcome<Guard> parse_guard(std::string_view text) {
  auto wrong = [&](const std::string& why) {
    return fail(Errc::invalid_argument, "'" + std::string(text) + "' is no guard: " + why +
                                            "; it looks like success>=99% or p99<=200ms");
  };
  Guard guard;
  guard.text = text;
  size_t sign = text.find_first_of("<>");
  if (sign == std::string_view::npos) return wrong("it compares nothing");
  bool equal = text.substr(sign + 1).starts_with('=');
  bool less = text[sign] == '<';
  guard.compare = less ? (equal ? Guard::at_most : Guard::below) : (equal ? Guard::at_least : Guard::above);
  std::string_view name = text.substr(0, sign), bound = text.substr(sign + (equal ? 2 : 1));
  if (name == "success") {
    auto percent = model::parse_percent(bound);
    if (!percent) return wrong("success is compared with a percentage from 0% to 100%");
    guard.bound = *percent;
    return guard;
  }
  guard.metric = Guard::quantile;
  for (auto [known, q] :
       {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p99.9", 0.999}})
    if (name == known) guard.q = q;
  if (guard.q == 0) return wrong("'" + std::string(name) + "' is none of success, p50, p90, p95, p99, p99.9");
  auto duration = model::parse_duration(bound);
  if (!duration) return wrong("a time is compared with one such as 200ms or 1.5s");
  guard.bound = static_cast<double>(duration->count()) / 1000;
  return guard;
}

}  // namespace

void Figures::add(const Figures& other) {
  requests += other.requests;
  failures += other.failures;
  if (steps.size() < other.steps.size()) steps.resize(other.steps.size());
  for (size_t i = 0; i < other.steps.size(); ++i) steps[i] += other.steps[i];
}

Figures Figures::since(const Figures& before) const {
  auto less = [](uint64_t a, uint64_t b) { return a > b ? a - b : 0; };
  Figures out = *this;
  out.requests = less(requests, before.requests);
  out.failures = less(failures, before.failures);
  for (size_t i = 0; i < std::min(steps.size(), before.steps.size()); ++i)
    out.steps[i] = less(steps[i], before.steps[i]);
  return out;
}

double Figures::success_percent() const {
  if (requests == 0) return 100;
  return 100 * (1 - static_cast<double>(std::min(failures, requests)) / static_cast<double>(requests));
}

double Figures::quantile_seconds(double q) const {
  HistogramCopy h;
  h.steps = steps;
  for (uint64_t n : steps) h.buckets[0] += n;  // which bucket does not matter to a quantile, how many does
  return h.quantile(q);
}

ArmFigures arm_figures(const MetricsCopy& metrics, const std::set<std::string>& routes) {
  ArmFigures out;
  auto wanted = [&](const SeriesCopy& s) {
    return !s.overflow && s.labels.size() >= 2 && routes.contains(s.labels[0]);
  };
  if (const MetricCopy* m = metrics.find(kArmRequests))
    for (const SeriesCopy& s : m->series) {
      if (!wanted(s)) continue;
      Figures& f = out[{s.labels[0], s.labels[1]}];
      f.requests += static_cast<uint64_t>(s.value);
      if (s.labels.at(2) == "failed") f.failures += static_cast<uint64_t>(s.value);
    }
  if (const MetricCopy* m = metrics.find(kArmDuration))
    for (const SeriesCopy& s : m->series)
      if (wanted(s) && s.histogram) out[{s.labels[0], s.labels[1]}].steps = s.histogram->steps;
  return out;
}

Figures node_figures(const MetricsCopy& metrics) {
  Figures out;
  constexpr size_t kCode = 4;  // golden.cc: direction, service, route, peer, code
  if (const MetricCopy* m = metrics.find("meshd_requests_total"))
    for (const SeriesCopy& s : m->series) {
      out.requests += static_cast<uint64_t>(s.value);
      bool failed = s.labels.size() > kCode && (s.labels[kCode] == "0" || s.labels[kCode].starts_with('5'));
      if (failed) out.failures += static_cast<uint64_t>(s.value);
    }
  if (const MetricCopy* m = metrics.find("meshd_request_duration_seconds"))
    for (const SeriesCopy& s : m->series)
      if (s.histogram) out.add({0, 0, s.histogram->steps});
  return out;
}

Json figures_json(const Figures& figures) {
  JsonArray steps;
  for (size_t i = 0; i < figures.steps.size(); ++i) {
    if (figures.steps[i] == 0) continue;
    JsonArray pair{json(static_cast<int64_t>(i)), json(static_cast<int64_t>(figures.steps[i]))};
    steps.push_back(Json(std::move(pair)));
  }
  JsonObject j;
  j["requests"] = json(static_cast<int64_t>(figures.requests));
  j["failures"] = json(static_cast<int64_t>(figures.failures));
  j["steps"] = Json(std::move(steps));
  return Json(std::move(j));
}

Figures figures_of(const Json& j) {
  Figures out;
  out.requests = count_of(j, "requests");
  out.failures = count_of(j, "failures");
  for (const Json& pair : list_of(j, "steps")) {
    if (!pair.is<JsonArray>()) continue;
    const JsonArray& p = pair.get<JsonArray>();
    if (p.size() != 2 || !p[0].is<int64_t>() || !p[1].is<int64_t>()) continue;
    int64_t step = p[0].get<int64_t>(), count = p[1].get<int64_t>();
    if (step < 0 || step >= static_cast<int64_t>(LogLinear::kSteps) || count < 0) continue;
    if (out.steps.size() <= static_cast<size_t>(step)) out.steps.resize(static_cast<size_t>(step) + 1);
    out.steps[static_cast<size_t>(step)] = static_cast<uint64_t>(count);
  }
  return out;
}

Outcome<std::vector<Guard>> parse_guards(std::string_view text) {
  std::vector<Guard> out;
  while (!text.empty()) {
    size_t begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin);
    size_t end = std::min(text.find(' '), text.size());
    auto guard = parse_guard(text.substr(0, end));
    if (!guard) return fail(std::move(guard.error()));
    out.push_back(std::move(*guard));
    text.remove_prefix(end);
  }
  return out;
}

std::optional<std::string> broken(const std::vector<Guard>& guards, const Figures& figures) {
  for (const Guard& guard : guards) {
    bool success = guard.metric == Guard::success;
    double value = success ? figures.success_percent() : figures.quantile_seconds(guard.q);
    if (holds(guard, value)) continue;
    std::string name = guard.text.substr(0, guard.text.find_first_of("<>"));
    return guard.text + ": " + name + " was " + in_words(guard, value) + " of " +
           std::to_string(figures.requests) + " requests";
  }
  return std::nullopt;
}

}  // namespace meshd
