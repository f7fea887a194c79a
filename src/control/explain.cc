// SPDX-License-Identifier: Apache-2.0
#include "control/explain.h"

#include <algorithm>
#include <array>

#include "base/limits.h"
#include "control/explain_balance.h"
#include "control/node_status.h"
#include "http/semantics.h"
#include "proxy/authenticate.h"
#include "snapshot/decide.h"
#include "snapshot/identity.h"
#include "snapshot/rewrite.h"

namespace meshd {
namespace {

std::string place(const Snapshot& s, SourcePos at) {
  if (at.line == 0) return {};
  return s.model.file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}

// The request as its parts; what the facts borrow.
struct Asked {
  std::string method, host, path, query, server_name;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case

  std::optional<std::string_view> operator()(std::string_view name) const {
    for (const auto& [key, value] : headers)
      if (same_name(key, name)) return value;
    return std::nullopt;
  }
};

Outcome<Asked> parts_of(const Question& q) {
  Asked out;
  out.method = q.method;
  out.headers = q.headers;
  out.server_name = q.server_name;
  std::string_view url = q.url;
  bool opaque = url.starts_with("tcp://");
  if (!opaque && !url.starts_with("http://") && !url.starts_with("https://"))
    return fail(Errc::invalid_argument,
                "write http://SERVICE/PATH, or tcp://SERVICE for an opaque connection");
  url.remove_prefix(url.find("://") + 3);
  size_t end = url.find_first_of("/?");
  out.host = url.substr(0, end);
  if (!parse_authority(out.host)) return fail(Errc::invalid_argument, "'" + out.host + "' is not a host");
  if (opaque) {
    out.method.clear();
    return out;
  }
  if (out.method.empty()) out.method = "GET";
  std::string target(end == std::string_view::npos ? "/" : url.substr(end));
  if (target.starts_with('?')) target = "/" + target;
  auto normal = normalise_path(target);
  if (!normal) return fail(Errc::invalid_argument, std::string("the path is refused: ") + normal.error().why);
  if (normal->changed) target = *normal->changed;
  size_t mark = target.find('?');
  out.path = target.substr(0, mark);
  if (mark != std::string::npos) out.query = target.substr(mark + 1);
  return out;
}

class Explanation {
 public:
  Explanation(const Snapshot& s, const Known& known, const Asked& asked, PrincipalId from,
              const model::Token* token)
      : s_(s), known_(known) {
    facts_.token = token;
    facts_.from = from;
    facts_.method = asked.method;
    facts_.path = asked.path;
    facts_.query = asked.query;
    facts_.host = asked.host;
    facts_.headers = FieldLookup(asked);
    facts_.server_name = asked.server_name;
    host_ = asked.host;
    facts_.to = s.service_for_host(host_);
  }

  Json json_of() {
    JsonObject out;
    out["apiVersion"] = json(kApiVersion);
    out["kind"] = json("Explanation");
    out["revision"] = json(static_cast<int64_t>(s_.revision.value));
    if (facts_.to == nullptr) {
      out["verdict"] = json(name_of(Errc::not_found));
      out["why"] = json("the mesh has no service '" + host_ + "'");
      return Json(std::move(out));
    }
    Decision d = decide(s_, facts_);
    out["service"] = service(*facts_.to);
    out["routes"] = routes(d.routing.route);
    if (d.routing.route != nullptr) out["route"] = route(*d.routing.route);
    bool sends = d.routing.to != nullptr;
    if (sends)
      out["arms"] = arms(*d.routing.route);
    else
      out["policy"] = policy(d.policy);
    out["verdict"] = json(d.ok() ? (sends ? "sent" : "answered") : name_of(d.reason));
    return Json(std::move(out));
  }

 private:
  Json service(const ServiceEntry& e) {
    JsonObject o;
    o["name"] = json(e.name);
    o["at"] = json(place(s_, e.at));
    return Json(std::move(o));
  }

  // Every route of the service in order, and the first condition that sent the request past it.
  Json routes(const Route* taken) {
    JsonArray out;
    bool before = true;
    for (const Route& r : facts_.to->routes) {
      JsonObject o;
      o["name"] = json(r.name.empty() ? "-" : r.name);
      o["at"] = json(place(s_, r.at));
      o["taken"] = Json(&r == taken);
      if (&r == taken)
        before = false;
      else
        o["lost"] = json(before ? lost(r.match) : "an earlier route takes the request");
      out.push_back(Json(std::move(o)));
    }
    return Json(std::move(out));
  }

  std::string lost(const RouteMatch& m) {
    Unmet u = first_unmet(m, facts_);
    switch (u.what) {
      case Condition::none: return "it holds";
      case Condition::connection:
        return facts_.is_http() ? "tcp: this is HTTP" : "it looks at HTTP: this is an opaque connection";
      case Condition::path: return "path: " + path_text(m) + " does not take " + std::string(facts_.path);
      case Condition::methods: return "methods: " + std::string(facts_.method) + " is not one of them";
      case Condition::host: return "host: " + std::string(facts_.host) + " is not one of them";
      case Condition::from: return "from: the caller is not one of them";
      case Condition::sni: return "sni: '" + std::string(facts_.server_name) + "' is not one of them";
      case Condition::grpc: return "grpc: it is not such a call";
      case Condition::headers: return "headers: " + text_of(*u.value) + given(facts_.headers(u.value->name));
      case Condition::query: return "query: " + text_of(*u.value) + " does not hold";
    }
    return "?";
  }
  static std::string given(std::optional<std::string_view> value) {
    return value ? "; it is '" + std::string(*value) + "'" : "; there is none";
  }

  Json route(const Route& r) {
    JsonObject o;
    o["name"] = json(r.name.empty() ? "-" : r.name);
    o["at"] = json(place(s_, r.at));
    if (!r.status.empty()) o["quarantined"] = json(r.status);
    if (facts_.is_http()) o["timeout_ms"] = json(int64_t{r.timeout.count()});
    if (r.sticky != nullptr) o["sticky"] = Json(spread(r, facts_) != facts_.random);
    if (r.actions != nullptr) o["actions"] = actions(r);
    return Json(std::move(o));
  }

  Json actions(const Route& r) {
    const model::Actions& a = *r.actions;
    JsonArray out;
    auto add = [&](const char* what, SourcePos at, const std::string& more = {}) {
      JsonObject o;
      o["action"] = json(what);
      if (at.line != 0) o["at"] = json(place(s_, at));
      if (!more.empty()) o["what"] = json(more);
      out.push_back(Json(std::move(o)));
    };
    std::array<char, kRequestLineMax> room;
    if (a.cors) add("cors", a.cors->at);
    if (a.fault) add("fault", a.fault->at);
    if (a.redirect) add("redirect", a.redirect->at, std::to_string(a.redirect->status));
    if (a.respond) add("respond", a.respond->at, std::to_string(a.respond->status));
    if (a.rewrite) {
      auto path = rewritten_path(r, facts_.path, room);
      add("rewrite", a.rewrite->at,
          (path ? "path " + std::string(*path) : "no path comes out") +
              (a.rewrite->host.empty() ? "" : ", host " + a.rewrite->host));
    }
    if (!a.request.empty() || !a.response.empty()) add("headers", {});
    if (a.mirror) add("mirror", a.mirror->at, a.mirror->service);
    return Json(std::move(out));
  }

  Json policy(const Authorization& p) {
    JsonObject o;
    o["verdict"] = json(name_of(p.verdict));
    o["rule"] = json(p.rule ? p.rule->name : "default");
    o["at"] = json(place(s_, p.at));
    if (p.token_missing) o["token_missing"] = Json(true);
    if (p.audit_rule != nullptr) {
      o["audit_rule"] = json(p.audit_rule->name);
      o["audit_at"] = json(place(s_, p.audit_rule->at));
      o["audit_verdict"] = json(name_of(p.audit_verdict));
    }
    return Json(std::move(o));
  }

  // Each arm as if chance had chosen it: where it goes, and what the policy there says.
  Json arms(const Route& r) {
    JsonArray out;
    uint64_t before = 0;
    const Destination* chosen = decide(s_, facts_).routing.to;
    bool fixed = r.sticky != nullptr && spread(r, facts_) != facts_.random;
    for (const Destination& d : r.to) {
      JsonObject o;
      o["service"] = json(d.service ? d.service->name : "-");
      o["at"] = json(place(s_, d.at));
      o["tags"] = words(d.tags);
      o["weight"] = json(int64_t{d.weight});
      if (fixed) o["sticky"] = Json(&d == chosen);
      if (d.weight > 0 && d.service != nullptr) {
        RequestFacts facts = facts_;
        // The smallest number that pick_split takes to this arm.
        facts.random = static_cast<uint64_t>(
            ((static_cast<unsigned __int128>(before) << 64) + r.weight_total - 1) / r.weight_total);
        if (!fixed || &d == chosen) o["policy"] = policy(decide(s_, facts).policy);
        o["identity"] = json(d.service->spiffe_id);
        if (const model::Authorizer* a = d.service->authorizer)
          o["authorizer"] = json(a->url + " (" + place(s_, a->at) + ")");
      }
      before += d.weight;
      if (d.service != nullptr) {
        o["balance"] = explain_policy(d, facts_, known_);
        o["candidates"] = explain_candidates(s_, d, known_);
      }
      out.push_back(Json(std::move(o)));
    }
    return Json(std::move(out));
  }

  static Json words(const model::Tags& tags) {
    JsonObject out;
    for (const auto& [key, value] : tags) out[key] = json(value);
    return Json(std::move(out));
  }

  const Snapshot& s_;
  const Known& known_;
  RequestFacts facts_;
  std::string host_;
};

}  // namespace

Outcome<Question> read_question(const Json& j) {
  Question q{text_of(j, "from"), text_of(j, "method"), text_of(j, "url"), text_of(j, "server_name"), {}};
  if (q.url.empty()) return fail(Errc::invalid_argument, "the question has no url");
  for (const Json& h : list_of(j, "headers")) {
    if (!h.is<JsonArray>() || h.get<JsonArray>().size() != 2)
      return fail(Errc::invalid_argument, "a header is a name and a value");
    q.headers.emplace_back(h.get<JsonArray>()[0].to_str(), h.get<JsonArray>()[1].to_str());
  }
  q.token = text_of(j, "token");
  if (std::string issuer = text_of(j, "issuer"); !issuer.empty()) {
    q.verified = model::Token{{issuer}, {}};
    for (const Json& c : list_of(j, "claims")) {
      if (!c.is<JsonArray>() || c.get<JsonArray>().size() != 2)
        return fail(Errc::invalid_argument, "a claim is a name and a value");
      q.verified->claims.emplace_back(c.get<JsonArray>()[0].to_str(), c.get<JsonArray>()[1].to_str());
    }
    std::ranges::sort(q.verified->claims);
  }
  return q;
}

Outcome<model::Token> read_token(const Snapshot& snapshot, std::string_view token, UnixSeconds now) {
  auto verified = TokenVerifiers().of(snapshot)->verify(token);
  auto fault = verified ? fault_at(*verified, now) : verified.error().fault;
  if (fault) return fail(Errc::denied, text_of(*fault));
  return std::move(verified->token);
}

Outcome<Json> explain(const Snapshot& snapshot, const Known& known, const Question& question) {
  auto asked = parts_of(question);
  if (!asked) return fail(asked.error());
  PrincipalId from = kNobody;
  if (!question.from.empty()) {
    auto caller = model::parse_principal(question.from);
    if (!caller || caller->kind == model::Principal::any)
      return fail(Errc::invalid_argument,
                  "'" + question.from + "' is not a caller: write service/NAME, node/NAME or gateway");
    from = snapshot.principal(spiffe_id(snapshot.model.mesh.trust_domain, *caller));
  }
  std::optional<model::Token> token = question.verified;
  if (!question.token.empty()) {
    auto read = read_token(snapshot, question.token, Clock::system().unix_now());
    if (!read) return fail(read.error());
    token = std::move(*read);
  }
  if (token)
    for (const std::string& issuer : token->issuers)
      if (std::ranges::find(snapshot.model.jwt, issuer, &model::Issuer::name) == snapshot.model.jwt.end())
        return fail(Errc::invalid_argument, "jwt has no issuer named '" + issuer + "'");
  return Explanation(snapshot, known, *asked, from, token ? &*token : nullptr).json_of();
}

}  // namespace meshd
