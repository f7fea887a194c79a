// SPDX-License-Identifier: Apache-2.0
#include "control/flow_desk.h"

#include <algorithm>

#include "base/log.h"

namespace meshd {
namespace {

// [caller, service, port, method, path, example, count, first, last] of a node; nothing where it is not that.
std::optional<store::FlowRecord> read_flow(const Json& j) {
  if (!j.is<JsonArray>() || j.get<JsonArray>().size() != 9) return std::nullopt;
  const JsonArray& a = j.get<JsonArray>();
  for (size_t i : {0, 1, 3, 4, 5})
    if (!a[i].is<std::string>() || a[i].get<std::string>().size() > kFlowFieldMax) return std::nullopt;
  for (size_t i : {2, 6, 7, 8})
    if (!a[i].is<int64_t>() || a[i].get<int64_t>() < 0) return std::nullopt;
  return store::FlowRecord{.caller = a[0].get<std::string>(),
                           .service = a[1].get<std::string>(),
                           .port = static_cast<uint16_t>(a[2].get<int64_t>()),
                           .method = a[3].get<std::string>(),
                           .path = a[4].get<std::string>(),
                           .example = a[5].get<std::string>(),
                           .count = static_cast<uint64_t>(a[6].get<int64_t>()),
                           .first = a[7].get<int64_t>(),
                           .last = a[8].get<int64_t>()};
}

Json flow_json(const store::FlowRecord& f) {
  JsonObject o;
  o["caller"] = json(f.caller);
  o["service"] = json(f.service);
  o["port"] = json(int64_t{f.port});
  o["method"] = json(f.method);
  o["path"] = json(f.path);
  o["example"] = json(f.example);
  o["count"] = json(static_cast<int64_t>(f.count));
  o["first"] = json(f.first);
  o["last"] = json(f.last);
  return Json(std::move(o));
}

}  // namespace

FlowDesk::FlowDesk(Parts parts) : parts_(std::move(parts)) {
  parts_.distributor.on_answer([this](const std::string& node, const Json& line) { take(node, line); });
}

void FlowDesk::mount(ApiRouter& router) {
  router.add("GET", "/v1/flows", [this](ApiCall& c) { return list(c); });
}

Outcome<> FlowDesk::tidy() {
  auto gone = parts_.store.flows().prune();
  if (!gone) return fail(gone.error());
  return {};
}

void FlowDesk::take(const std::string& node, const Json& line) {
  if (text_of(line, "what") != "flows") return;
  std::vector<store::FlowRecord> batch;
  for (const Json& j : list_of(line, "flows"))
    if (auto flow = read_flow(j)) batch.push_back(std::move(*flow));
  if (!batch.empty())
    if (auto ok = parts_.store.flows().add(batch); !ok)
      log::warn("flows that a node reports are lost", {{"node", node}, {"error", ok.error().what}});
  if (int64_t n = int_of(line, "n"); n > 0) {
    answers_[node] = n;
    parts_.registry.changed.notify();
  }
}

bool FlowDesk::answered(uint64_t n) const {
  return std::ranges::all_of(parts_.registry.all(), [&](const auto& entry) {
    auto it = answers_.find(entry.first);
    return !entry.second.connected || (it != answers_.end() && it->second >= static_cast<int64_t>(n));
  });
}

Task<Result<Response>> FlowDesk::list(ApiCall& call) {
  auto since = call.query_number("since", 86'400, INT32_MAX);
  if (!since) co_return api_error(since.error());
  uint64_t n = ++asked_;
  parts_.distributor.ask(
      Json(JsonObject{{"type", json("ask")}, {"what", json("flows")}, {"n", json(static_cast<int64_t>(n))}}));
  Instant until = parts_.clock.now() + kFlowsAnswerMax;
  while (!answered(n)) {
    auto left = std::chrono::duration_cast<milliseconds>(until - parts_.clock.now());
    if (left <= milliseconds(0)) break;
    bool changed = co_await parts_.registry.changed.wait(left);
    if (!changed) break;
  }
  auto flows = parts_.store.flows().list(parts_.clock.unix_now() - *since);
  if (!flows) co_return api_error(flows.error());
  JsonArray items, silent;
  for (const auto& f : *flows) items.push_back(flow_json(f));
  for (const auto& [name, node] : parts_.registry.all())
    if (auto it = answers_.find(name); it == answers_.end() || it->second < static_cast<int64_t>(n))
      silent.push_back(json(name));
  JsonObject out;
  out["flows"] = Json(std::move(items));
  out["silent"] = Json(std::move(silent));
  co_return json_response(200, Json(std::move(out)));
}

}  // namespace meshd
