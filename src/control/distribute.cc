// SPDX-License-Identifier: Apache-2.0
#include "control/distribute.h"

#include "base/log.h"
#include "control/protocol.h"

namespace meshd {

Distributor::Distributor(Registry& registry, const Clock& clock)
    : registry_(registry),
      hub_{.registry = registry,
           .clock = clock,
           .history = {},
           .health = {},
           .watch = {},
           .trial = {},
           .trust = {},
           .shadow = {},
           .question = {},
           .on_answer = {},
           .on_health = {},
           .on_back = {},
           .on_arms = {},
           .on_demand = {},
           .on_end = {}},
      shares_(clock.now()) {
  hub_.on_demand = [this](const std::string& node, const Json& demand) {
    return shares_.report(node, demand, hub_.clock.now());
  };
  hub_.on_health = [this](const std::string& node, const Json& down) {
    health_.report(node, down);
    refresh_health();
  };
  hub_.on_arms = [this](const std::string& node, const Json& line) {
    if (on_arms) on_arms(node, line);
  };
  hub_.on_back = [this](const std::string& node, Revision revision, const std::string& why) {
    if (on_back) on_back(node, revision, why);
  };
  hub_.on_answer = [this](const std::string& node, const Json& line) {
    for (const auto& take : answers_) take(node, line);
  };
  hub_.on_end = [this](SyncSession& session) { ended(session); };
}

Distributor::~Distributor() { close(); }

void Distributor::set_content(const ContentPtr& content) {
  hub_.history.add(content);
  shares_.follow(content->snapshot);
  refresh_health();
  wake_all();
}

void Distributor::set_trust(const SealedTrust& trust) {
  JsonObject line = to_json(trust);
  line["type"] = json("trust");
  hub_.trust = Chunk::copy(to_text(Json(std::move(line))) + "\n");
  hub_.trust_number = trust.number;
  wake_all();
}

void Distributor::set_shadow(std::string_view lines) {
  hub_.shadow = Chunk::copy(lines);
  ++hub_.shadow_version;
  wake_all();
}

void Distributor::ask(const Json& question) {
  questions_[text_of(question, "what")] = to_text(question) + "\n";
  std::string all;
  for (const auto& [what, line] : questions_) all += line;
  hub_.question = Chunk::copy(all);
  ++hub_.question_version;
  wake_all();
}

Response Distributor::open(const std::string& node, std::unique_ptr<Body> from_node) {
  if (auto older = sessions_.find(node); older != sessions_.end()) {
    auto session = older->second;
    session->end({Errc::cancelled, Side::self, "the node opened another session"});
  }
  auto session = std::make_shared<SyncSession>(hub_, node, std::move(from_node));
  sessions_[node] = session;
  Response response;
  response.head.status = 200;
  response.head.add("content-type", "application/x-ndjson");
  response.body = session->begin();
  return response;
}

void Distributor::drop(const std::string& node) {
  if (auto it = sessions_.find(node); it != sessions_.end()) {
    auto session = it->second;
    session->end({Errc::denied, Side::self, "the node was removed"});
  }
  health_.forget(node);
  shares_.forget(node);
  refresh_health();
}

void Distributor::watch(const std::set<std::string>& routes) {
  JsonArray names;
  for (const std::string& route : routes) names.push_back(json(route));
  JsonObject line;
  line["type"] = json("watch");
  line["routes"] = Json(std::move(names));
  hub_.watch = Chunk::copy(to_text(Json(std::move(line))) + "\n");
  ++hub_.watch_version;
  wake_all();
}

void Distributor::tell_trial(std::function<std::string()> line) {
  hub_.trial = std::move(line);
  ++hub_.trial_version;
  wake_all();
}

void Distributor::tick() {
  // A session that ends takes itself out of the map.
  auto now_open = sessions_;
  for (auto& [node, session] : now_open) session->tick();

  std::set<std::string> away;
  for (const auto& [name, node] : registry_.all()) {
    if (hub_.clock.now() - node.heard <= kSilenceMax) continue;
    away.insert(name);
    if (!health_.away().contains(name)) log::warn("node is away", {{"node", name}});
  }
  for (const std::string& name : health_.away())
    if (!away.contains(name)) log::info("node is back", {{"node", name}});
  if (away == health_.away()) return;
  health_.set_away(std::move(away));
  refresh_health();
}

void Distributor::close() {
  auto now_open = sessions_;
  for (auto& [node, session] : now_open) session->end({Errc::closed, Side::self, "the server ends"});
}

void Distributor::ended(SyncSession& session) {
  auto it = sessions_.find(session.node());
  if (it == sessions_.end() || it->second.get() != &session) return;
  log::info("node disconnected", {{"node", session.node()}});
  registry_.disconnected(session.node());
  sessions_.erase(it);
}

void Distributor::refresh_health() {
  const ContentPtr& newest = hub_.history.newest();
  std::string line = health_.line(newest ? newest->snapshot.get() : nullptr);
  if (line == health_line_) return;
  health_line_ = std::move(line);
  hub_.health = Chunk::copy(health_line_);
  ++hub_.health_version;
  wake_all();
}

void Distributor::wake_all() {
  for (auto& [node, session] : sessions_) session->wake();
}

}  // namespace meshd
