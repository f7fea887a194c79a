// SPDX-License-Identifier: Apache-2.0
#include "control/canary_desk.h"

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "model/route_edit.h"
#include "model/scalars.h"
#include "tls/digest.h"

namespace meshd {
namespace {

constexpr const char* kKey = "canaries";  // in the store's settings
constexpr milliseconds kEveryMin{1'000};

std::unexpected<Detailed> no_model() {
  return fail(Errc::not_found, "the mesh has no configuration yet; run `meshd apply FILE`");
}

}  // namespace

// ---- what is kept

Outcome<> CanaryDesk::load() {
  auto text = store_.settings().get(kKey);
  if (!text) return fail(std::move(text.error()));
  if (!*text) return {};
  auto all = parse_json(**text);
  if (!all || !all->is<JsonArray>()) {
    log::error("what the store has of canaries cannot be read; it is left aside");
    return {};
  }
  for (const Json& j : all->get<JsonArray>())
    if (auto canary = canary_of(j)) canaries_[canary->route] = std::move(*canary);
  for (auto& [route, canary] : canaries_)
    if (canary.state == CanaryState::running) {
      steps_[route].begun = clock_.now();
      log::info("a canary goes on", {{"route", route}, {"percent", percent_text(canary.percent)}});
    }
  follow();
  return {};
}

Outcome<> CanaryDesk::save() const {
  JsonArray all;
  for (const auto& [route, canary] : canaries_) all.push_back(canary_json(canary));
  return store_.settings().set(kKey, to_text(Json(std::move(all))));
}

// Progress that cannot be written down is no reason to stop; the next step tries again.
void CanaryDesk::saved() {
  if (auto ok = save(); !ok) log::warn("cannot write down a canary", {{"error", ok.error().what}});
}

void CanaryDesk::follow() {
  std::set<std::string> routes;
  for (const auto& [route, canary] : canaries_)
    if (canary.state == CanaryState::running) routes.insert(route);
  watch_(routes);
}

bool CanaryDesk::any_running() const {
  return std::ranges::any_of(canaries_, [](const auto& c) { return c.second.state == CanaryState::running; });
}

void CanaryDesk::note(Canary& canary, std::string what, std::string text) {
  log::info("canary", {{"route", canary.route}, {"event", what}, {"text", text}});
  if (canary.events.size() >= kCanaryEventsMax) canary.events.erase(canary.events.begin() + 1);
  canary.events.push_back({clock_.unix_now(), std::move(what), canary.percent, std::move(text)});
}

// ---- changes of the file

// A text of ours: what must be known to recognise it after a crash is on disk before it is.
Outcome<Published> CanaryDesk::publish(Canary& canary, const std::string& text, const Change& like) {
  auto route = model::route_text(text, canary.route);
  if (!route) return fail(std::move(route.error()));
  canary.intended = sha256_hex(text);
  if (canaries_.contains(canary.route))
    if (auto ok = save(); !ok) return fail(std::move(ok.error()));
  Change change = like;
  change.text = text;
  change.careful = !change.leave_file;
  auto published = publisher_.publish(change);
  if (!published) return fail(std::move(published.error()));
  if (!published->accepted)
    return fail(Errc::conflict,
                "the file with the new weights would not pass its check: " + published->rendered);
  canary.ours = published->revision;
  canary.route_text = std::move(*route);
  return published;
}

// Nobody but us has changed the route. Revisions of others that leave it alone are no harm, but the way back is an edit then.
bool CanaryDesk::still_ours(Canary& canary) {
  if (publisher_.revision() == canary.ours) return true;
  if (!canary.intended.empty() && sha256_hex(publisher_.text()) == canary.intended) {
    // The server ended between the file and its own note of it.
    canary.ours = publisher_.revision();
    if (auto route = model::route_text(publisher_.text(), canary.route))
      canary.route_text = std::move(*route);
    return true;
  }
  auto route = model::route_text(publisher_.text(), canary.route);
  if (!route || *route != canary.route_text) return false;
  canary.pristine = false;
  return true;
}

Outcome<Published> CanaryDesk::move_to(Canary& canary, double percent, const std::string& by,
                                       const std::string& why) {
  auto text =
      model::set_arms(publisher_.text(), canary.route, with_share(canary.before, canary.named, percent));
  if (!text) return fail(std::move(text.error()));
  Change change;
  change.author = by;
  change.message = why;
  auto published = publish(canary, *text, change);
  if (published) canary.percent = percent;
  return published;
}

Outcome<Published> CanaryDesk::put_back(Canary& canary, const std::string& by, const std::string& why,
                                        bool leave_file) {
  std::string text;
  if (canary.pristine && publisher_.revision() == canary.ours)
    if (auto base = store_.revisions().get(canary.base)) text = std::move(base->text);
  if (text.empty()) {
    auto edited = model::set_arms(publisher_.text(), canary.route, canary.before);
    if (!edited) return fail(std::move(edited.error()));
    text = std::move(*edited);
  }
  Change change;
  change.author = by;
  change.message = why;
  change.leave_file = leave_file;
  auto published = publish(canary, text, change);
  Split split{canary.before, canary.named};
  if (published) canary.percent = split.percent(canary.named);
  return published;
}

void CanaryDesk::end(Canary& canary, CanaryState state, const std::string& reason) {
  canary.state = state;
  canary.reason = reason;
  canary.ended = clock_.unix_now();
  note(canary, std::string(name_of(state)), reason);
  steps_.erase(canary.route);
  saved();
  follow();
  changed.notify();
}

// ---- orders

Outcome<Json> CanaryDesk::done(const Canary& canary, const Published& published) const {
  Json j = shown(canary);
  j.get<JsonObject>()["changed"] = Json(published.changed);
  j.get<JsonObject>()["diff"] = json(published.diff);
  return j;
}

Outcome<Json> CanaryDesk::run(const RunOrder& order) {
  if (publisher_.model() == nullptr) return no_model();
  if (auto it = canaries_.find(order.route); it != canaries_.end() && it->second.active())
    return fail(Errc::conflict, "route " + order.route + " has a canary already (" +
                                    std::string(name_of(it->second.state)) + "); `meshd canary promote " +
                                    order.route + "` or `abort` ends it");
  if (order.step <= 0 || order.step > 100)
    return fail(Errc::invalid_argument, "a step is more than 0% and at most 100%");
  if (order.every < kEveryMin) return fail(Errc::invalid_argument, "a step takes at least 1s");
  auto guards = parse_guards(order.guard);
  if (!guards) return fail(std::move(guards.error()));
  auto split = split_of(*publisher_.model(), order.route, order.arm);
  if (!split) return fail(std::move(split.error()));
  if (split->arms.size() < 2)
    return fail(Errc::invalid_argument, "the route has one arm only; there is nothing to move");

  Canary canary;
  canary.route = order.route;
  canary.arm = order.arm;
  canary.state = CanaryState::running;
  canary.by = order.by;
  canary.started = clock_.unix_now();
  canary.step = order.step;
  canary.every = order.every;
  canary.guard = order.guard;
  canary.min_requests = order.min_requests;
  canary.before = split->arms;
  canary.named = split->named;
  canary.base = publisher_.revision();
  double first = std::min(100.0, std::round((split->percent(split->named) + order.step) * 100) / 100);
  auto published = move_to(canary, first, order.by,
                           "canary " + order.route + ": " + percent_text(first) + " to " + order.arm);
  if (!published) return fail(std::move(published.error()));
  note(canary, "started", percent_text(first) + " to " + order.arm);
  // From here the run is the server's.
  if (canaries_.size() >= kCanariesMax && !canaries_.contains(order.route)) {
    auto oldest = canaries_.end();
    for (auto it = canaries_.begin(); it != canaries_.end(); ++it)
      if (!it->second.active() && (oldest == canaries_.end() || it->second.ended < oldest->second.ended))
        oldest = it;
    if (oldest != canaries_.end()) canaries_.erase(oldest);
  }
  Canary& kept = canaries_[order.route] = std::move(canary);
  steps_[order.route] = {};
  steps_[order.route].begun = clock_.now();
  saved();
  follow();
  changed.notify();
  return done(kept, *published);
}

Outcome<Json> CanaryDesk::set(const std::string& route, const std::vector<Share>& shares,
                              const std::string& by) {
  if (publisher_.model() == nullptr) return no_model();
  if (shares.empty()) return fail(Errc::invalid_argument, "which arm gets how much? It looks like v2=5%");
  auto it = canaries_.find(route);
  if (it != canaries_.end() && it->second.state == CanaryState::running)
    return fail(Errc::conflict,
                "route " + route + " has a run under way; `meshd canary abort " + route + "` ends it");
  auto arms = plan_split(*publisher_.model(), route, shares);
  if (!arms) return fail(std::move(arms.error()));
  auto split = split_of(*publisher_.model(), route, shares.front().arm);
  if (!split) return fail(std::move(split.error()));
  Canary canary;
  if (it != canaries_.end() && it->second.state == CanaryState::set && still_ours(it->second)) {
    canary = it->second;  // the way back leads to before the first of them
    for (size_t i = canary.before.size(); i < arms->size(); ++i) {
      canary.before.push_back((*arms)[i]);
      canary.before.back().weight = 0;
    }
  } else {
    canary.route = route;
    canary.started = clock_.unix_now();
    canary.base = publisher_.revision();
    canary.before = split->arms;
    for (size_t i = canary.before.size(); i < arms->size(); ++i) {
      canary.before.push_back((*arms)[i]);
      canary.before.back().weight = 0;
    }
  }
  canary.by = by;
  canary.named = split->named;
  canary.arm = shares.size() == 1 ? shares.front().arm : "";
  auto text = model::set_arms(publisher_.text(), route, *arms);
  if (!text) return fail(std::move(text.error()));
  std::string words;
  for (const Share& s : shares)
    words += (words.empty() ? "" : ", ") + percent_text(s.percent) + " to " + s.arm;
  Change change;
  change.author = by;
  change.message = "canary " + route + ": " + words;
  auto published = publish(canary, *text, change);
  if (!published) return fail(std::move(published.error()));
  canary.percent = shares.front().percent;
  note(canary, "set", words);
  Canary& kept = canaries_[route] = std::move(canary);
  saved();
  changed.notify();
  return done(kept, *published);
}

Outcome<Json> CanaryDesk::promote(const std::string& route, const std::string& by) {
  auto it = canaries_.find(route);
  if (it == canaries_.end() || !it->second.active())
    return fail(Errc::not_found,
                "route " + route + " has no canary; `meshd canary set " + route + " v2=5%` makes one");
  Canary& canary = it->second;
  if (canary.arm.empty())
    return fail(Errc::conflict, "several arms were set; say which: meshd canary set " + route + " ARM=100%");
  if (!still_ours(canary))
    return fail(Errc::conflict, "route " + route + " was edited since; nothing was changed");
  auto published = move_to(canary, 100, by, "canary " + route + ": promoted " + canary.arm);
  if (!published) return fail(std::move(published.error()));
  end(canary, CanaryState::promoted, "by " + by);
  return done(canary, *published);
}

Outcome<Json> CanaryDesk::abort(const std::string& route, const std::string& by) {
  auto it = canaries_.find(route);
  if (it == canaries_.end() || !it->second.active())
    return fail(Errc::not_found, "route " + route + " has no canary to abort");
  Canary& canary = it->second;
  if (!still_ours(canary)) {
    end(canary, CanaryState::stopped, "the route was edited; its weights are as that edit left them");
    return fail(Errc::conflict,
                "route " + route + " was edited since; its weights are as that edit left them");
  }
  auto published = put_back(canary, by, "canary " + route + ": aborted", false);
  if (!published) return fail(std::move(published.error()));
  end(canary, CanaryState::aborted, "by " + by);
  return done(canary, *published);
}

// ---- seen from outside

Json CanaryDesk::shown(const Canary& canary) const {
  Json j = canary_json(canary);
  auto& o = j.get<JsonObject>();
  for (const char* inner : {"route_text", "intended", "named", "pristine"}) o.erase(inner);
  JsonArray arms;
  if (const model::Model* model = publisher_.model()) {
    for (const model::Route& r : model->routes) {
      if (r.name != canary.route) continue;
      Split split{r.to, 0};
      for (size_t i = 0; i < r.to.size(); ++i) {
        JsonObject arm;
        arm["arm"] = json(model::arm_label(r.to[i]));
        arm["weight"] = json(int64_t{r.to[i].weight});
        arm["percent"] = Json(split.percent(i));
        arms.push_back(Json(std::move(arm)));
      }
    }
  }
  o["arms"] = Json(std::move(arms));
  if (auto it = steps_.find(canary.route); it != steps_.end()) {
    Figures f = figures(canary, it->second);
    o["requests"] = json(static_cast<int64_t>(f.requests));
    o["success_percent"] = Json(f.success_percent());
    o["p50_ms"] = Json(1000 * f.quantile_seconds(0.5));
    o["p99_ms"] = Json(1000 * f.quantile_seconds(0.99));
    o["step_seconds"] = json((clock_.now() - it->second.begun).count() / 1'000'000'000);
    o["waiting"] = json(it->second.waiting);
  }
  return j;
}

Json CanaryDesk::list() const {
  JsonArray all;
  for (const auto& [route, canary] : canaries_) all.push_back(shown(canary));
  JsonObject j;
  j["canaries"] = Json(std::move(all));
  return Json(std::move(j));
}

Outcome<Json> CanaryDesk::status(const std::string& route) const {
  auto it = canaries_.find(route);
  if (it == canaries_.end()) return fail(Errc::not_found, "route '" + route + "' has no canary");
  return shown(it->second);
}

}  // namespace meshd
