// SPDX-License-Identifier: Apache-2.0
#include "control/replay.h"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

#include "base/limits.h"
#include "control/node_status.h"
#include "http/fields.h"
#include "snapshot/identity.h"
#include "snapshot/rewrite.h"
#include "telemetry/utf8.h"

namespace meshd {
namespace {

Json number(uint64_t n) { return json(static_cast<int64_t>(n)); }

bool looks_at_content_type(const Snapshot& s) {
  for (const model::Route& r : s.model.routes)
    for (const model::ValueMatch& h : r.match.headers)
      if (h.name == "content-type") return true;
  return false;
}

}  // namespace

// A line's facts. As a callable it is the request's header fields, and notes which one was asked for that the line does
// not tell of.
struct Replay::Recorded {
  bool outbound = false;
  std::string time, direction, source, service, method, path, query, host;
  bool grpc = false;
  bool content_type_known = true;  // that it is gRPC's or not is all that anybody asks
  std::map<std::string, std::optional<std::string>, std::less<>> fields;
  mutable std::string missing;

  std::optional<std::string_view> operator()(std::string_view name) const {
    if (auto it = fields.find(name); it != fields.end())
      return it->second ? std::optional<std::string_view>(*it->second) : std::nullopt;
    if (name == "content-type" && content_type_known)
      return grpc ? std::optional<std::string_view>("application/grpc") : std::nullopt;
    if (missing.empty()) missing = name;
    return std::nullopt;
  }

  const ServiceEntry* in(const Snapshot& s) const {
    return service.empty() ? s.service_for_host(host) : s.service(service);
  }
  RequestFacts facts(const Snapshot& s, const ServiceEntry& to) const {
    RequestFacts f;
    f.to = &to;
    f.from = s.principal(source);
    f.method = method;
    if (f.is_http()) {
      f.path = path;
      f.query = query;
      f.host = host;
      f.headers = FieldLookup(*this);
    } else {
      f.server_name = host;
    }
    return f;
  }
  // Empty, or what the line lacks.
  static std::string read(std::string_view line, Recorded& out);
};

std::string Replay::Recorded::read(std::string_view line, Recorded& out) {
  if (line.size() > kReplayLineMax) return "the line is too long";
  auto j = parse_json(line);
  if (!j || !j->is<JsonObject>()) return "not a line of JSON";
  out.time = text_of(*j, "time");
  out.direction = text_of(*j, "direction");
  out.outbound = out.direction == "outbound";
  if (!out.outbound && out.direction != "inbound") return "no direction: not a line of the access log";
  out.source = text_of(*j, "source");
  out.service = text_of(*j, "service");
  out.method = text_of(*j, "method");
  std::string target = text_of(*j, "asked_path", text_of(*j, "path"));
  out.host = text_of(*j, "asked_host", text_of(*j, "host"));
  out.grpc = flag_of(*j, "grpc");
  if (out.service.empty() && out.host.empty()) return "neither service nor host";
  if (!out.method.empty() && target.empty()) return "no path";
  if (target.contains(kReplacement)) return "the path's bytes were no UTF-8, and are not in the log";
  size_t mark = target.find('?');
  out.path = target.substr(0, mark);
  if (mark != std::string::npos) out.query = target.substr(mark + 1);
  if (const Json& headers = member(*j, "headers"); headers.is<JsonObject>())
    for (const auto& [name, value] : headers.get<JsonObject>())
      out.fields[name] =
          value.is<std::string>() ? std::optional<std::string>(value.get<std::string>()) : std::nullopt;
  return {};
}

void Replay::skip(std::string why) {
  Group& g = skipped_[std::move(why)];
  if (g.count++ == 0) g.first_line = lines_;
}

void Replay::line(std::string_view text) {
  ++lines_;
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return skip("an empty line");
  Recorded r;
  if (std::string lack = Recorded::read(text, r); !lack.empty()) return skip(std::move(lack));
  r.content_type_known = !looks_at_content_type(*before_) && !looks_at_content_type(*after_);
  std::vector<Changed> changed = differences(r);
  if (!r.missing.empty())
    return skip("header '" + r.missing +
                "' is looked at and not in the line (telemetry.access_log.headers names those that are)");
  ++replayed_;
  if (changed.empty()) return;
  ++changed_;
  JsonArray list;
  for (const Changed& c : changed) {
    Group& g = groups_[{c.kind, r.direction, r.service.empty() ? r.host : r.service, c.before, c.after}];
    if (g.count++ == 0) g.first_line = lines_;
    JsonObject d;
    d["kind"] = json(name_of(c.kind));
    d["before"] = json(c.before);
    d["after"] = json(c.after);
    list.push_back(Json(std::move(d)));
  }
  if (requests_.size() >= kReplayListed) return;
  JsonObject o;
  o["line"] = number(lines_);
  o["time"] = json(r.time);
  o["direction"] = json(r.direction);
  o["source"] = json(principal_text(after_->model.mesh.trust_domain, r.source));
  o["service"] = json(r.service);
  o["method"] = json(r.method);
  o["path"] = json(r.path);
  o["differences"] = Json(std::move(list));
  requests_.push_back(Json(std::move(o)));
}

std::vector<Replay::Changed> Replay::differences(const Recorded& r) {
  const ServiceEntry *before = r.in(*before_), *after = r.in(*after_);
  if (before == nullptr || after == nullptr) {
    if (before == after) return {};
    std::string there = "service " + (before ? before : after)->name, gone = "no such service";
    return {{Difference::service, before ? there : gone, after ? there : gone}};
  }
  if (r.outbound) return routed(r, *before, *after);
  Authorization old = authorize(*before_, *before, r.facts(*before_, *before));
  Authorization now = authorize(*after_, *after, r.facts(*after_, *after));
  Difference d = compare(old, now);
  if (d == Difference::none) return {};
  return {{d, policy_words(*before_, old, d), policy_words(*after_, now, d)}};
}

std::vector<Replay::Changed> Replay::routed(const Recorded& r, const ServiceEntry& before,
                                            const ServiceEntry& after) {
  std::vector<Changed> out;
  // Chance chooses the same share on both sides; the comparison of routes is of all arms.
  Decision old = decide(*before_, r.facts(*before_, before));
  Decision now = decide(*after_, r.facts(*after_, after));
  if (Difference d = routes_.of(old.routing.route, now.routing.route); d != Difference::none)
    out.push_back(
        {d, route_words(*before_, old.routing.route, d), route_words(*after_, now.routing.route, d)});
  if (old.routing.to == nullptr || now.routing.to == nullptr) return out;
  if (Difference d = compare(old.policy, now.policy); d != Difference::none)
    out.push_back({d, policy_words(*before_, old.policy, d), policy_words(*after_, now.policy, d)});
  return out;
}

Json Replay::json_of() const {
  JsonObject out;
  out["apiVersion"] = json(kApiVersion);
  out["kind"] = json("Replay");
  out["read"] = number(lines_);
  out["replayed"] = number(replayed_);
  out["changed"] = number(changed_);
  std::vector<const std::pair<const GroupKey, Group>*> order;
  for (const auto& g : groups_) order.push_back(&g);
  std::ranges::sort(order, [](auto* a, auto* b) {
    return std::tie(b->second.count, a->first) < std::tie(a->second.count, b->first);
  });
  JsonArray groups, skipped;
  for (const auto* g : order) {
    JsonObject o;
    o["kind"] = json(name_of(g->first.kind));
    o["direction"] = json(g->first.direction);
    o["service"] = json(g->first.service);
    o["before"] = json(g->first.before);
    o["after"] = json(g->first.after);
    o["count"] = number(g->second.count);
    o["first_line"] = number(g->second.first_line);
    groups.push_back(Json(std::move(o)));
  }
  for (const auto& [why, g] : skipped_) {
    JsonObject o;
    o["why"] = json(why);
    o["count"] = number(g.count);
    o["first_line"] = number(g.first_line);
    skipped.push_back(Json(std::move(o)));
  }
  out["groups"] = Json(std::move(groups));
  out["requests"] = Json(requests_);
  out["not_listed"] = number(changed_ - requests_.size());
  out["not_replayed"] = Json(std::move(skipped));
  return Json(std::move(out));
}

}  // namespace meshd
