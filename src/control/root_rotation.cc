// SPDX-License-Identifier: Apache-2.0
#include "control/root_rotation.h"

#include <algorithm>

#include "base/log.h"

namespace meshd {
namespace {

std::string names_of(const std::vector<RootRotation::Waiting>& waiting, bool skipped) {
  std::string out;
  for (const auto& w : waiting)
    if (w.skipped == skipped) out += (out.empty() ? "" : ", ") + w.node;
  return out;
}

std::string facts_of(const Authority& authority) {
  JsonObject j;
  j["phase"] = json(name_of(authority.rotation().phase));
  j["pin"] = json(authority.pin());
  if (!authority.other_pin().empty()) j["other_pin"] = json(authority.other_pin());
  j["force"] = Json(authority.rotation().force);
  return to_text(Json(std::move(j)));
}

}  // namespace

Outcome<> RootRotation::begin(const std::string& who, bool force, const CaImport* given) {
  auto begun = parts_.authority.begin_rotation(parts_.clock.unix_now(), force, given);
  if (!begun) return begun;
  auto noted = parts_.store.audit().append({who, "ca.rotate", facts_of(parts_.authority)});
  if (!noted) return fail(std::move(noted.error()));
  log::warn("root rotation begins", {{"by", who}, {"next", parts_.authority.other_pin()}, {"force", force}});
  tick();
  return {};
}

Outcome<> RootRotation::force(const std::string& who) {
  if (auto ok = parts_.authority.force_rotation(); !ok) return ok;
  auto noted = parts_.store.audit().append({who, "ca.rotate.force", facts_of(parts_.authority)});
  if (!noted) return fail(std::move(noted.error()));
  tick();
  return {};
}

Outcome<> RootRotation::abort(const std::string& who) {
  if (auto ok = parts_.authority.abort_rotation(parts_.clock.unix_now()); !ok) return ok;
  auto noted = parts_.store.audit().append({who, "ca.rotate.abort", facts_of(parts_.authority)});
  if (!noted) return fail(std::move(noted.error()));
  log::warn("root rotation taken back", {{"by", who}});
  return parts_.trust.publish(parts_.identity.identity());
}

std::vector<RootRotation::Waiting> RootRotation::waiting() const {
  std::vector<Waiting> out;
  RotationPhase phase = parts_.authority.rotation().phase;
  if (phase == RotationPhase::none || phase == RotationPhase::switching) return out;
  for (const auto& [name, node] : parts_.registry.all()) {
    std::string lacks;
    if (node.trust_number < parts_.trust.number())
      lacks = "has not taken the roots of this phase";
    else if (phase == RotationPhase::renew && node.under != parts_.authority.pin())
      lacks = "has certificates under the root that goes";
    if (lacks.empty()) continue;
    bool away = !node.connected;
    out.push_back({name, std::move(lacks), away, away && parts_.authority.rotation().force});
  }
  return out;
}

bool RootRotation::over() const {
  auto nodes = waiting();
  return std::ranges::all_of(nodes, [](const Waiting& w) { return w.skipped; });
}

Outcome<> RootRotation::advance() {
  auto left_out = waiting();
  if (auto ok = parts_.authority.advance_rotation(parts_.clock.unix_now()); !ok) return ok;
  // From here on the next phase holds, also after a crash.
  if (!left_out.empty())
    log::warn(
        "nodes that are away were not waited for; they join again with a new token if they come back late",
        {{"nodes", names_of(left_out, true)}});
  auto noted = parts_.store.audit().append({"server", "ca.rotate.phase", facts_of(parts_.authority)});
  if (!noted) return fail(std::move(noted.error()));
  log::info("root rotation goes on", {{"phase", name_of(parts_.authority.rotation().phase)}});
  return {};
}

Outcome<> RootRotation::step() {
  const Authority& ca = parts_.authority;
  RotationPhase phase = ca.rotation().phase;
  if (phase == RotationPhase::switching) {
    // The server first: what it signs from now on stands under the new root.
    if (auto ok = parts_.identity.renew(); !ok) return ok;
    if (auto ok = advance(); !ok) return ok;
  }
  if (auto ok = parts_.trust.publish(parts_.identity.identity()); !ok) return ok;
  if (phase == RotationPhase::none) {
    UnixSeconds from = ca.root().not_before(), to = ca.root().not_after();
    bool ours = ca.has_root_key() && ca.root().subject().starts_with("O=meshd, CN=meshd root");
    auto at = from + static_cast<UnixSeconds>(static_cast<double>(to - from) * kRotateRootAt);
    if (ours && parts_.clock.unix_now() >= at) return begin("timer", false);
    return {};
  }
  if (phase != RotationPhase::switching && over()) return advance();
  return {};
}

void RootRotation::tick() {
  // Each phase that is over leads to the next at once; there are four.
  for (int i = 0; i < 5; ++i) {
    RotationPhase before = parts_.authority.rotation().phase;
    auto done = step();
    std::string problem = done ? "" : done.error().what;
    if (!problem.empty() && problem != problem_) log::error("root rotation is stuck", {{"why", problem}});
    problem_ = std::move(problem);
    if (!done || parts_.authority.rotation().phase == before) return;
  }
}

Json RootRotation::status_json() const {
  const RotationState& state = parts_.authority.rotation();
  JsonObject j;
  j["phase"] = json(name_of(state.phase));
  if (state.phase == RotationPhase::none) return Json(std::move(j));
  j["since"] = json(state.since);
  j["force"] = Json(state.force);
  if (std::string pin = parts_.authority.other_pin(); !pin.empty()) j["other_pin"] = json(pin);
  if (!problem_.empty()) j["problem"] = json(problem_);
  JsonArray nodes;
  for (const Waiting& w : waiting()) {
    JsonObject n;
    n["node"] = json(w.node);
    n["lacks"] = json(w.lacks);
    n["away"] = Json(w.away);
    n["skipped"] = Json(w.skipped);
    nodes.push_back(Json(std::move(n)));
  }
  j["waiting_for"] = Json(std::move(nodes));
  return Json(std::move(j));
}

}  // namespace meshd
