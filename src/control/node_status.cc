// SPDX-License-Identifier: Apache-2.0
#include "control/node_status.h"

#include <dirent.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <utility>

#include "snapshot/identity.h"

namespace meshd {
namespace {

Json number(uint64_t n) { return json(static_cast<int64_t>(n)); }
Json time_of(UnixSeconds t) { return t > 0 && t < INT64_MAX ? json(format_time(t)) : Json(); }

std::string place(const Snapshot& s, SourcePos at) {
  if (at.line == 0) return {};
  return s.model.file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}

Json tags_json(const model::Tags& tags) {
  JsonObject out;
  for (const auto& [key, value] : tags) out[key] = json(value);
  return Json(std::move(out));
}

Json words(const std::vector<std::string>& list) {
  JsonArray out;
  for (const std::string& word : list) out.push_back(json(word));
  return Json(std::move(out));
}

Json list_of_items(std::string_view kind, JsonArray items) {
  JsonObject out;
  out["apiVersion"] = json(kApiVersion);
  out["kind"] = json(kind);
  out["items"] = Json(std::move(items));
  return Json(std::move(out));
}

Json match_json(const model::Match& match) {
  JsonObject out;
  if (std::string path = path_text(match); !path.empty()) out["path"] = json(path);
  auto list = [&out](const char* key, JsonArray items) {
    if (!items.empty()) out[key] = Json(std::move(items));
  };
  auto values = [&](const char* key, const std::vector<model::ValueMatch>& all) {
    JsonArray items;
    for (const model::ValueMatch& v : all) items.push_back(json(text_of(v)));
    list(key, std::move(items));
  };
  if (!match.methods.empty()) out["methods"] = words(match.methods);
  values("headers", match.headers);
  values("query", match.query);
  if (!match.hosts.empty()) out["host"] = words(match.hosts);
  JsonArray from;
  for (const model::Principal& p : match.from) from.push_back(json(text_of(p)));
  list("from", std::move(from));
  if (match.grpc.wanted())
    out["grpc"] = json((match.grpc.service.empty() ? "*" : match.grpc.service) + "/" +
                       (match.grpc.method.empty() ? "*" : match.grpc.method));
  if (!match.server_names.empty()) out["sni"] = words(match.server_names);
  if (match.opaque) out["tcp"] = Json(true);
  return Json(std::move(out));
}

}  // namespace

ProcessFacts process_facts() {
  ProcessFacts facts;
  if (FILE* f = fopen("/proc/self/statm", "r")) {
    unsigned long size = 0, resident = 0;
    if (fscanf(f, "%lu %lu", &size, &resident) == 2)
      facts.rss_bytes = resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    fclose(f);
  }
  if (DIR* d = opendir("/proc/self/fd")) {
    while (readdir(d) != nullptr) ++facts.open_files;
    facts.open_files -= facts.open_files > 3 ? 3 : 0;  // ".", ".." and the directory itself
    closedir(d);
  }
  timespec cpu{};
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
    facts.cpu_seconds = static_cast<double>(cpu.tv_sec) + static_cast<double>(cpu.tv_nsec) * 1e-9;
  return facts;
}

std::string NodeStatus::not_ready() const {
  for (const Identities::State& s : parts_.identities.states())
    if (s.name == kNodeIdentity && s.state == CertState::expired)
      return "this node's certificate has expired; it comes back by itself when the server at " +
             parts_.node.control + " answers";
  if (parts_.live.snapshot()) return {};
  if (parts_.agent.state().problem == kNotTried)
    return "a first configuration, from the server at " + parts_.node.control;
  return "no configuration yet; the server at " + parts_.node.control +
         (parts_.agent.state().connected ? " has none: run `meshd apply FILE` there"
                                         : " is not reached (" + parts_.agent.state().problem + ")");
}

// ---- status

Json NodeStatus::status() const {
  Json out = report();
  auto& o = out.get<JsonObject>();
  o["apiVersion"] = json(kApiVersion);
  o["kind"] = json("Status");
  o["trust_domain"] = json(parts_.node.trust_domain);
  o["server"] = server();
  o["peers"] = peers();
  if (const SnapshotPtr& s = parts_.live.snapshot()) o["mesh"] = json(s->model.mesh.name);
  return out;
}

Json NodeStatus::report() const {
  UnixSeconds now = parts_.time.clock().unix_now();
  JsonObject o;
  o["node"] = json(parts_.node.node);
  o["address"] = json(parts_.node.address);
  o["mesh_port"] = json(int64_t{parts_.node.mesh_port});
  if (!parts_.node.zone.empty()) o["zone"] = json(parts_.node.zone);
  o["roles"] = words(parts_.roles);
  o["version"] = json(parts_.version);
  o["metrics"] = json(parts_.metrics);
  o["pid"] = json(int64_t{getpid()});
  o["started"] = time_of(parts_.started);
  o["uptime_seconds"] = json(now - parts_.started);
  o["threads"] = json(int64_t{parts_.threads});

  std::string why = not_ready();
  o["ready"] = Json(why.empty());
  if (!why.empty()) o["waiting_for"] = json(why);

  o["revision"] = number(parts_.live.sealed().stored.revision.value);
  if (const SnapshotPtr& s = parts_.live.snapshot()) {
    o["sha256"] = json(parts_.live.sealed().sha256);
    o["in_use_since"] = time_of(parts_.live.since());
    JsonArray quarantined;
    for (const Quarantined& q : s->quarantined) {
      JsonObject item;
      item["kind"] = json(q.kind);
      item["name"] = json(q.name);
      item["why"] = json(q.status);
      item["at"] = json(place(*s, q.at));
      quarantined.push_back(Json(std::move(item)));
    }
    o["quarantined"] = Json(std::move(quarantined));
  }
  if (!parts_.agent.state().refused.empty()) o["refused"] = json(parts_.agent.state().refused);

  if (parts_.trial.active()) o["unconfirmed"] = parts_.trial.json();
  if (Json back = parts_.trial.last_return(); back.is<JsonObject>()) o["went_back"] = back;

  JsonArray problems;
  for (const ListenProblem& p : parts_.live.listen_problems()) {
    JsonObject item;
    item["listener"] = json(p.listener);
    item["why"] = json(p.what);
    problems.push_back(Json(std::move(item)));
  }
  o["listen_problems"] = Json(std::move(problems));
  if (!parts_.live.storage_problem().empty()) o["storage_problem"] = json(parts_.live.storage_problem());
  if (std::string p = parts_.access.problem(); !p.empty()) o["access_log_problem"] = json(p);
  o["access_log_dropped"] = number(parts_.access.dropped());

  o["certificates"] = certificates();
  const NodeTrust& trust = parts_.identities.trust();
  JsonObject t;
  t["number"] = number(trust.number());
  t["roots"] = number(parts_.identities.bundle().roots().size());
  t["denied"] = number(trust.denied()->serials.size() + trust.denied()->ids.size());
  std::string problem = trust.problem().empty() ? parts_.agent.state().trust_refused : trust.problem();
  if (!problem.empty()) o["trust_problem"] = json(problem);
  o["trust"] = Json(std::move(t));
  UnixSeconds alone = parts_.identities.alone_until();
  o["clock"] = parts_.time.json();
  o["alone_until"] = time_of(alone);
  o["alone_seconds"] = json(alone > now ? alone - now : 0);
  o["down"] = down_to_json(parts_.health.down());

  ProcessFacts facts = process_facts();
  o["rss_bytes"] = number(facts.rss_bytes);
  o["open_files"] = number(facts.open_files);
  return Json(std::move(o));
}

Json NodeStatus::server() const {
  const Agent::State& s = parts_.agent.state();
  JsonObject o;
  o["address"] = json(parts_.node.control);
  o["id"] = json(parts_.node.server_id);
  o["connected"] = Json(s.connected);
  o["since"] = time_of(s.since);
  if (!s.problem.empty()) o["problem"] = json(s.problem);
  if (auto skew = parts_.time.skew()) o["skew_seconds"] = json(*skew);
  o["connects"] = number(s.connects);
  return Json(std::move(o));
}

Json NodeStatus::certificates() const {
  JsonArray out;
  UnixSeconds now = parts_.time.clock().unix_now();
  for (const Identities::State& s : parts_.identities.states()) {
    JsonObject o;
    o["name"] = json(s.name);
    o["id"] = json(s.id);
    o["state"] = json(s.held ? name_of(s.state) : "missing");
    if (s.held) {
      o["serial"] = json(s.serial);
      o["not_before"] = time_of(s.validity.not_before);
      o["not_after"] = time_of(s.validity.not_after);
      o["seconds_left"] = json(s.validity.not_after > now ? s.validity.not_after - now : 0);
    }
    o["renew_at"] = time_of(s.next_try);
    if (!s.problem.empty()) o["problem"] = json(s.problem);
    out.push_back(Json(std::move(o)));
  }
  return Json(std::move(out));
}

// A node is away when the server says so of its endpoints; of a node without endpoints nothing is known.
Json NodeStatus::peers() const {
  JsonArray out;
  const SnapshotPtr& snapshot = parts_.live.snapshot();
  if (!snapshot) return Json(std::move(out));
  std::map<std::string, std::pair<size_t, size_t>> endpoints;  // by node: all, down
  for (const auto& service : snapshot->services) {
    for (const Endpoint& e : service->endpoints) {
      auto& [all, down] = endpoints[e.node];
      ++all;
      down += parts_.health.down().contains(e.id);
    }
  }
  for (const NodeInfo& n : snapshot->nodes) {
    if (n.name == parts_.node.node) continue;
    JsonObject o;
    o["name"] = json(n.name);
    o["address"] = json(n.address);
    o["mesh_port"] = json(int64_t{n.mesh_port});
    if (!n.zone.empty()) o["zone"] = json(n.zone);
    auto [all, down] = endpoints[n.name];
    o["endpoints"] = number(all);
    o["endpoints_down"] = number(down);
    out.push_back(Json(std::move(o)));
  }
  return Json(std::move(out));
}

// ---- lists

Outcome<Json> NodeStatus::get(std::string_view kind) const {
  if (kind == "certs") return list_of_items("CertificateList", certificates().get<JsonArray>());
  if (kind == "services") return services();
  if (kind == "nodes") return nodes();
  if (kind == "routes") return routes();
  if (kind == "policies") return policies();
  if (kind == "limits") return list_of_items("LimitList", parts_.limits.list());
  return fail(Errc::not_found, "there is no list of '" + std::string(kind) +
                                   "': services, nodes, routes, policies, limits or certs");
}

Json NodeStatus::services() const {
  JsonArray items;
  if (const SnapshotPtr& s = parts_.live.snapshot()) {
    for (const auto& service : s->services) {
      JsonObject o;
      o["name"] = json(service->name);
      o["id"] = json(service->spiffe_id);
      o["protocol"] = json(name_of(service->protocol));
      o["balance"] = json(name_of(service->balance->policy));
      if (service->port) o["port"] = json(int64_t{service->port});
      if (service->listen) o["listen"] = json(int64_t{service->listen});
      o["at"] = json(place(*s, service->at));
      o["routes"] = number(service->routes.size());
      o["health_check"] = Json(service->health != nullptr);
      JsonArray endpoints;
      int64_t up = 0;
      for (const Endpoint& e : service->endpoints) {
        JsonObject p;
        p["id"] = json(hex_of(e.id));
        if (!e.outside()) p["node"] = json(e.node);
        p["address"] = json(e.address);
        p["port"] = json(int64_t{e.port});
        if (!e.tags.empty()) p["tags"] = tags_json(e.tags);
        p["weight"] = json(int64_t{e.weight});
        auto down = parts_.health.down().find(e.id);
        bool is_down = down != parts_.health.down().end();
        p["state"] = json(!e.status.empty() ? "quarantined" : is_down ? "down" : "up");
        if (!e.status.empty() || is_down) p["why"] = json(e.status.empty() ? down->second : e.status);
        up += e.status.empty() && !is_down;
        endpoints.push_back(Json(std::move(p)));
      }
      o["endpoints_up"] = json(up);
      o["endpoints"] = Json(std::move(endpoints));
      items.push_back(Json(std::move(o)));
    }
  }
  return list_of_items("ServiceList", std::move(items));
}

Json NodeStatus::nodes() const {
  JsonArray items;
  if (const SnapshotPtr& s = parts_.live.snapshot()) {
    for (const NodeInfo& n : s->nodes) {
      JsonObject o;
      o["name"] = json(n.name);
      o["address"] = json(n.address);
      o["mesh_port"] = json(int64_t{n.mesh_port});
      if (!n.zone.empty()) o["zone"] = json(n.zone);
      o["self"] = Json(n.name == parts_.node.node);
      JsonArray workloads;
      for (const Workload& w : s->workloads_on(n.name)) workloads.push_back(json(w.service->name));
      o["services"] = Json(std::move(workloads));
      items.push_back(Json(std::move(o)));
    }
  }
  return list_of_items("NodeList", std::move(items));
}

Json NodeStatus::routes() const {
  JsonArray items;
  if (const SnapshotPtr& s = parts_.live.snapshot()) {
    for (const auto& service : s->services) {
      for (const Route& r : service->routes) {
        if (r.name.empty()) continue;  // the one that a service without routes has
        JsonObject o;
        o["name"] = json(r.name);
        o["service"] = json(service->name);
        o["order"] = json(int64_t{r.order});
        o["at"] = json(place(*s, r.at));
        o["match"] = match_json(r.match);
        JsonArray to;
        for (const Destination& d : r.to) {
          JsonObject arm;
          arm["tags"] = tags_json(d.tags);
          arm["weight"] = json(int64_t{d.weight});
          arm["endpoints"] = number(d.endpoints.size());
          to.push_back(Json(std::move(arm)));
        }
        o["to"] = Json(std::move(to));
        if (r.timeout.count() > 0) o["timeout_ms"] = json(int64_t{r.timeout.count()});
        if (!r.status.empty()) o["quarantined"] = json(r.status);
        items.push_back(Json(std::move(o)));
      }
    }
  }
  return list_of_items("RouteList", std::move(items));
}

Json NodeStatus::policies() const {
  JsonArray items;
  Json out;
  if (const SnapshotPtr& s = parts_.live.snapshot()) {
    for (const PolicyRule& r : s->rules) {
      JsonObject o;
      o["name"] = json(r.name);
      o["effect"] = json(name_of(r.effect));
      o["mode"] = json(name_of(r.mode));
      o["at"] = json(place(*s, r.at));
      if (r.source) {
        JsonArray from, to;
        for (const model::Principal& p : r.source->from) from.push_back(json(text_of(p)));
        for (const model::RuleTarget& t : r.source->to) to.push_back(json(t.service));
        if (from.empty()) from.push_back(json("*"));
        if (to.empty()) to.push_back(json("*"));
        o["from"] = Json(std::move(from));
        o["to"] = Json(std::move(to));
      }
      for (const Quarantined& q : s->quarantined)
        if (q.kind == "rule" && q.name == r.name) o["quarantined"] = json(q.status);
      o["methods"] = words(r.methods);
      o["paths"] = words(r.paths);
      if (r.token != nullptr) {
        JsonObject token{{"issuer", json(r.token->issuer)}}, claims;
        for (const auto& [claim, value] : r.token->claims) claims[claim] = json(value);
        if (!claims.empty()) token["claims"] = Json(std::move(claims));
        o["jwt"] = Json(std::move(token));
      }
      items.push_back(Json(std::move(o)));
    }
    out = list_of_items("PolicyList", std::move(items));
    auto& o = out.get<JsonObject>();
    o["default"] = json(name_of(s->model.policy.default_effect));
    o["default_at"] = json(place(*s, s->model.policy.default_at));
    return out;
  }
  return list_of_items("PolicyList", {});
}

}  // namespace meshd
