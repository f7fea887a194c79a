// SPDX-License-Identifier: Apache-2.0
#include "control/canary.h"

#include <array>
#include <cstdio>

namespace meshd {
namespace {

constexpr std::array<std::string_view, 5> kStates{"set", "running", "promoted", "aborted", "stopped"};

Json arm_json(const model::RouteTo& arm) {
  JsonObject tags, j;
  for (const auto& [key, value] : arm.tags) tags[key] = json(value);
  j["tags"] = Json(std::move(tags));
  j["service"] = json(arm.service);
  j["weight"] = json(int64_t{arm.weight});
  return Json(std::move(j));
}

model::RouteTo arm_of(const Json& j) {
  model::RouteTo arm;
  if (const Json& tags = member(j, "tags"); tags.is<JsonObject>())
    for (const auto& [key, value] : tags.get<JsonObject>())
      if (value.is<std::string>()) arm.tags[key] = value.get<std::string>();
  arm.service = text_of(j, "service");
  arm.weight = static_cast<uint32_t>(int_of(j, "weight"));
  return arm;
}

double number_of(const Json& j, const char* key) {
  const Json& n = member(j, key);
  return n.is<double>() ? n.get<double>() : 0;
}

Json event_json(const CanaryEvent& e) {
  JsonObject j;
  j["time"] = json(e.time);
  j["what"] = json(e.what);
  j["percent"] = Json(e.percent);
  j["text"] = json(e.text);
  return Json(std::move(j));
}

}  // namespace

std::string_view name_of(CanaryState state) { return kStates[static_cast<size_t>(state)]; }

std::string percent_text(double percent) {
  char text[32];
  snprintf(text, sizeof text, "%.4g%%", percent);
  return text;
}

Json canary_json(const Canary& c) {
  JsonArray before, events;
  for (const model::RouteTo& arm : c.before) before.push_back(arm_json(arm));
  for (const CanaryEvent& e : c.events) events.push_back(event_json(e));
  JsonObject j;
  j["route"] = json(c.route);
  j["arm"] = json(c.arm);
  j["state"] = json(name_of(c.state));
  j["by"] = json(c.by);
  j["reason"] = json(c.reason);
  j["started"] = json(c.started);
  j["ended"] = json(c.ended);
  j["percent"] = Json(c.percent);
  j["step_percent"] = Json(c.step);
  j["every_ms"] = json(int64_t{c.every.count()});
  j["guard"] = json(c.guard);
  j["min_requests"] = json(static_cast<int64_t>(c.min_requests));
  j["before"] = Json(std::move(before));
  j["named"] = json(static_cast<int64_t>(c.named));
  j["base"] = json(static_cast<int64_t>(c.base.value));
  j["pristine"] = Json(c.pristine);
  j["revision"] = json(static_cast<int64_t>(c.ours.value));
  j["route_text"] = json(c.route_text);
  j["intended"] = json(c.intended);
  j["events"] = Json(std::move(events));
  return Json(std::move(j));
}

std::optional<Canary> canary_of(const Json& j) {
  Canary c;
  std::string state = text_of(j, "state");
  size_t known = 0;
  while (known < kStates.size() && kStates[known] != state) ++known;
  if (known == kStates.size()) return std::nullopt;
  c.state = static_cast<CanaryState>(known);
  c.route = text_of(j, "route");
  c.arm = text_of(j, "arm");
  c.by = text_of(j, "by");
  c.reason = text_of(j, "reason");
  c.started = int_of(j, "started");
  c.ended = int_of(j, "ended");
  c.percent = number_of(j, "percent");
  c.step = number_of(j, "step_percent");
  c.every = milliseconds(int_of(j, "every_ms"));
  c.guard = text_of(j, "guard");
  c.min_requests = static_cast<uint64_t>(int_of(j, "min_requests"));
  for (const Json& arm : list_of(j, "before")) c.before.push_back(arm_of(arm));
  c.named = static_cast<size_t>(int_of(j, "named"));
  c.base = {static_cast<uint64_t>(int_of(j, "base"))};
  c.pristine = flag_of(j, "pristine");
  c.ours = {static_cast<uint64_t>(int_of(j, "revision"))};
  c.route_text = text_of(j, "route_text");
  c.intended = text_of(j, "intended");
  for (const Json& e : list_of(j, "events"))
    c.events.push_back({int_of(e, "time"), text_of(e, "what"), number_of(e, "percent"), text_of(e, "text")});
  if (c.route.empty() || c.named >= c.before.size()) return std::nullopt;
  return c;
}

}  // namespace meshd
