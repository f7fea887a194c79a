// SPDX-License-Identifier: Apache-2.0
// objects.cc: desired state as a list of objects, and the difference of two such lists. Their JSON: object_json.cc
#include <algorithm>
#include <map>
#include <tuple>

#include "snapshot/codec.h"
#include "snapshot/object_json.h"

namespace meshd {
namespace {

auto key(const Object& o) { return std::tie(o.kind, o.name); }

Json place(SourcePos at) { return Json(JsonArray{json(int64_t{at.line}), json(int64_t{at.column})}); }

// [["web",19,3],…]: names in file order and where each stands.
template <class List>
Json layout_of(const List& values) {
  JsonArray out;
  for (const auto& v : values)
    out.push_back(Json(JsonArray{json(v.name), json(int64_t{v.at.line}), json(int64_t{v.at.column})}));
  return Json(std::move(out));
}

struct Placed {
  std::string name;
  SourcePos at;
};

std::vector<Placed> read_layout(In& in, const char* list) {
  std::vector<Placed> out;
  in.each(list, [&](const Json& j) {
    if (!j.is<JsonArray>() || j.get<JsonArray>().size() != 3) return in.wrong(list);
    const JsonArray& a = j.get<JsonArray>();
    if (!a[0].is<std::string>() || !a[1].is<int64_t>() || !a[2].is<int64_t>() ||
        !std::in_range<uint32_t>(a[1].get<int64_t>()) || !std::in_range<uint32_t>(a[2].get<int64_t>()))
      return in.wrong(list);
    out.push_back({a[0].get<std::string>(),
                   {static_cast<uint32_t>(a[1].get<int64_t>()), static_cast<uint32_t>(a[2].get<int64_t>())}});
  });
  return out;
}

using ByKind = std::map<std::string_view, std::map<std::string_view, const Object*>>;

// Reads the objects of one kind in the layout's order; each must be there, and none beside them.
template <class F>
Outcome<> read_kind(ByKind& kinds, const char* kind, const std::vector<Placed>& layout, F read) {
  auto& objects = kinds[kind];
  for (const Placed& p : layout) {
    auto it = objects.find(p.name);
    if (it == objects.end())
      return fail(Errc::invalid_argument, std::string(kind) + " " + p.name + " is missing");
    auto j = parse_json(it->second->json);
    if (!j) return fail(Errc::invalid_argument, std::string(kind) + " " + p.name + ": " + j.error().what);
    ReadError error;
    if (read(*j, p.at, error) != p.name) error.set("it has another name");
    if (!error.what.empty())
      return fail(Errc::invalid_argument, std::string(kind) + " " + p.name + ": " + error.what);
    objects.erase(it);
  }
  if (!objects.empty())
    return fail(Errc::invalid_argument,
                std::string(kind) + " " + std::string(objects.begin()->first) + " is not in the layout");
  return {};
}

Outcome<Json> read_one(ByKind& kinds, const char* kind) {
  auto& objects = kinds[kind];
  if (objects.size() != 1)
    return fail(Errc::invalid_argument, std::string("exactly one object of kind ") + kind + " is expected");
  auto j = parse_json(objects.begin()->second->json);
  if (!j) return fail(Errc::invalid_argument, std::string(kind) + ": " + j.error().what);
  return j;
}

}  // namespace

std::vector<Object> to_objects(const model::Model& m, const std::vector<NodeInfo>& nodes) {
  std::vector<Object> out;
  auto add = [&](const char* kind, const std::string& name, const Json& j) {
    out.push_back({kind, name, to_text(j)});
  };
  add("mesh", "mesh", write_mesh(m));
  JsonObject layout{{"services", layout_of(m.services)},
                    {"routes", layout_of(m.routes)},
                    {"rules", layout_of(m.policy.rules)}};
  if (!m.jwt.empty()) layout["issuers"] = layout_of(m.jwt);
  if (m.policy.default_at.line) layout["policy_default"] = place(m.policy.default_at);
  if (m.policy.authorizer) layout["authorizer"] = place(m.policy.authorizer->at);
  if (m.telemetry.access_log.at.line) layout["access_log"] = place(m.telemetry.access_log.at);
  add("layout", "layout", Json(std::move(layout)));
  for (const NodeInfo& n : nodes) add("node", n.name, write_node(n));
  for (const auto& s : m.services) add("service", s.name, write_service(s));
  for (const auto& r : m.routes) add("route", r.name, write_route(r));
  for (const auto& r : m.policy.rules) add("rule", r.name, write_rule(r));
  for (const auto& i : m.jwt) add("issuer", i.name, write_issuer(i));
  std::ranges::sort(out, [](const Object& a, const Object& b) { return key(a) < key(b); });
  return out;
}

Outcome<Desired> from_objects(const std::vector<Object>& objects) {
  ByKind kinds;
  for (const Object& o : objects)
    if (!kinds[o.kind].emplace(o.name, &o).second)
      return fail(Errc::invalid_argument, "two objects of kind " + o.kind + " are named " + o.name);
  for (const auto& [kind, list] : kinds)
    if (kind != "mesh" && kind != "layout" && kind != "node" && kind != "service" && kind != "route" &&
        kind != "rule" && kind != "issuer")
      return fail(Errc::invalid_argument,
                  "objects of kind " + std::string(kind) + " are unknown to this version");

  Desired out;
  model::Model& m = out.model;
  auto mesh = read_one(kinds, "mesh");
  if (!mesh) return fail(mesh.error());
  ReadError error;
  read_mesh(*mesh, m, error);
  if (!error.what.empty()) return fail(Errc::invalid_argument, "mesh: " + error.what);

  auto layout = read_one(kinds, "layout");
  if (!layout) return fail(layout.error());
  std::vector<Placed> services, routes, rules, issuers;
  {
    In in(*layout, error);
    services = read_layout(in, "services");
    routes = read_layout(in, "routes");
    rules = read_layout(in, "rules");
    issuers = read_layout(in, "issuers");
    m.policy.default_at = in.place("policy_default");
    m.telemetry.access_log.at = in.place("access_log");
    if (SourcePos at = in.place("authorizer"); m.policy.authorizer) m.policy.authorizer->at = at;
  }
  if (!error.what.empty()) return fail(Errc::invalid_argument, "layout: " + error.what);

  std::vector<Placed> nodes;
  for (const auto& [name, object] : kinds["node"]) nodes.push_back({std::string(name), {}});
  auto keep = [](auto& list, auto value) { return list.emplace_back(std::move(value)).name; };
  if (auto r =
          read_kind(kinds, "node", nodes,
                    [&](const Json& j, SourcePos, ReadError& e) { return keep(out.nodes, read_node(j, e)); });
      !r)
    return fail(r.error());
  if (auto r = read_kind(kinds, "service", services,
                         [&](const Json& j, SourcePos at, ReadError& e) {
                           return keep(m.services, read_service(j, at, e));
                         });
      !r)
    return fail(r.error());
  if (auto r = read_kind(
          kinds, "route", routes,
          [&](const Json& j, SourcePos at, ReadError& e) { return keep(m.routes, read_route(j, at, e)); });
      !r)
    return fail(r.error());
  if (auto r = read_kind(kinds, "rule", rules,
                         [&](const Json& j, SourcePos at, ReadError& e) {
                           return keep(m.policy.rules, read_rule(j, at, e));
                         });
      !r)
    return fail(r.error());
  if (auto r = read_kind(
          kinds, "issuer", issuers,
          [&](const Json& j, SourcePos at, ReadError& e) { return keep(m.jwt, read_issuer(j, at, e)); });
      !r)
    return fail(r.error());
  return out;
}

Delta diff(const std::vector<Object>& from, const std::vector<Object>& to) {
  Delta out;
  size_t i = 0;
  for (const Object& o : to) {
    for (; i < from.size() && key(from[i]) < key(o); ++i) out.removed.push_back({from[i].kind, from[i].name});
    bool same_key = i < from.size() && key(from[i]) == key(o);
    if (!same_key || from[i].json != o.json) out.changed.push_back(o);
    if (same_key) ++i;
  }
  for (; i < from.size(); ++i) out.removed.push_back({from[i].kind, from[i].name});
  return out;
}

std::vector<Object> apply(std::vector<Object> objects, const Delta& delta) {
  std::map<std::pair<std::string, std::string>, std::string> all;
  for (Object& o : objects) all[{std::move(o.kind), std::move(o.name)}] = std::move(o.json);
  for (const ObjectKey& k : delta.removed) all.erase({k.kind, k.name});
  for (const Object& o : delta.changed) all[{o.kind, o.name}] = o.json;
  std::vector<Object> out;
  out.reserve(all.size());
  for (auto& [k, text] : all) out.push_back({k.first, k.second, std::move(text)});
  return out;
}

}  // namespace meshd
