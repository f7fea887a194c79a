// SPDX-License-Identifier: Apache-2.0
// bind.cc: step 3 of 4. The tree as values. Reads the tree that check_tree.cc has judged. Next: check_model.cc
#include "model/bind.h"

#include <algorithm>

#include "model/access_check.h"
#include "model/bind_actions.h"
#include "model/bind_authorizer.h"
#include "model/bind_balance.h"
#include "model/bind_match.h"
#include "model/bind_resilience.h"
#include "model/bind_token.h"
#include "model/reader.h"

namespace meshd::model {

namespace {

class Binder {
 public:
  explicit Binder(Findings& findings) : findings_(findings) {}

  Model file(const YamlNode& root) {
    Model m;
    Reader top(root, "");
    mesh(top.below("mesh"), m.mesh);
    Reader server = top.below("server");
    m.server.control = server.text("control");
    m.server.dashboard = server.text("dashboard");
    Reader timeout = top.below("defaults").below("timeout");
    m.defaults.timeout = {timeout.duration("request"), timeout.duration("connect"), timeout.duration("idle")};
    m.defaults.retries = read_retries(top.below("defaults").below("retries"), {});
    retries_ = m.defaults.retries;
    if (const YamlNode* services = top.find("services"))
      for (const YamlPair& pair : services->pairs)
        if (is_dns_label(pair.key.text)) m.services.push_back(service(pair));
    if (const YamlNode* routes = top.find("routes"))
      for (const YamlNode& item : routes->items)
        if (item.kind == YamlNode::map) m.routes.push_back(route(item));
    m.jwt = bind_issuers(top, findings_);
    policy(top, m.policy);
    access_log(top.below("telemetry").below("access_log"), m.telemetry.access_log);
    if (const YamlNode* tests = top.find("tests"))
      for (const YamlNode& item : tests->items)
        if (item.kind == YamlNode::map) m.tests.push_back(test(item));
    return m;
  }

 private:
  void mesh(const Reader& r, Mesh& out) {
    out.name = r.text("name");
    out.trust_domain = r.text("trust_domain");
    if (out.trust_domain.empty()) out.trust_domain = out.name + ".mesh";
    out.mtls = r.text("mtls") == "permissive" ? Mtls::permissive : Mtls::strict;
    out.interception = r.text("interception") == "transparent" ? Interception::transparent
                                                               : Interception::explicit_listeners;
    out.http_port = static_cast<uint16_t>(r.integer("http_port"));
    Reader certificates = r.below("certificates");
    out.leaf_lifetime = certificates.duration("lifetime");
    out.root_lifetime = certificates.duration("root_lifetime");
  }

  Service service(const YamlPair& pair) {
    Service s;
    s.at = pair.key.at;
    s.name = pair.key.text;
    Reader r(pair.value, "services.*");
    std::string protocol = r.text("protocol");
    s.protocol = protocol == "tcp"      ? Protocol::tcp
                 : protocol == "http2"  ? Protocol::http2
                 : protocol == "grpc"   ? Protocol::grpc
                 : protocol == "detect" ? Protocol::detect
                                        : Protocol::http;
    s.port = static_cast<uint16_t>(r.integer("port"));
    s.listen = static_cast<uint16_t>(r.integer("listen"));
    s.listen_at = r.at("listen");
    s.balance = bind_balance(r, s.protocol, findings_);
    if (const YamlNode* list = r.find("instances"))
      for (const YamlNode& item : list->items)
        if (item.kind == YamlNode::map) s.instances.push_back(instance(item));
    if (r.has("health")) s.health = health(r);
    s.breaker = bind_breaker(r, findings_);
    s.limits = bind_limits(r, s.protocol, findings_);
    return s;
  }

  Instance instance(const YamlNode& item) {
    Reader r(item, "services.*.instances[]");
    Instance i;
    i.at = item.at;
    i.node = r.text("node");
    i.node_at = r.at("node");
    i.port = static_cast<uint16_t>(r.integer("port"));
    i.unit = r.text("unit");
    i.user = r.text("user");
    i.cgroup = r.text("cgroup");
    i.any_local = r.flag("any_local");
    i.tags = r.words("tags");
    i.weight = static_cast<uint32_t>(r.integer("weight"));
    bool outside = r.has("address");
    if (r.has("node") == outside)
      findings_.error(md::missing_key, item.at, item.length,
                      outside ? "an instance has either a node or an address, not both"
                              : "an instance needs a node or an address");
    if (!outside) {
      i.address = r.text("bind");
      return i;
    }
    if (auto address = parse_address(r.text("address"))) {
      i.address = address->ip;
      i.port = address->port;
    }
    for (std::string_view key : {"port", "bind", "unit", "user", "cgroup", "any_local"})
      if (r.has(key)) {
        const YamlPair* p = item.pair(key);
        findings_
            .error(md::unknown_key, p->key.at, p->key.length,
                   "an address outside the mesh has no " + in_quotes(key))
            .hint = "the port is part of the address";
      }
    return i;
  }

  Health health(const Reader& service) {
    Reader r = service.below("health");
    Health h;
    h.at = service.at("health");
    int kinds = r.has("http") + r.has("tcp") + r.has("grpc");
    if (kinds != 1)
      findings_
          .error(md::missing_key, h.at, 6,
                 kinds == 0 ? "a health check needs http, tcp or grpc"
                            : "a health check is one of http, tcp and grpc")
          .hint = "such as http: { path: /healthz }, grpc: {} or tcp: {}";
    if (r.has("grpc")) {
      h.kind = HealthKind::grpc;
      Reader grpc = r.below("grpc");
      h.grpc_service = grpc.text("service");
      if (h.grpc_service.size() > kGrpcServiceMax)
        findings_.error(md::malformed, grpc.at("service"), 7,
                        "the name has more than " + std::to_string(kGrpcServiceMax) + " bytes");
    }
    if (r.has("http")) {
      h.kind = HealthKind::http;
      h.path = r.below("http").text("path");
      if (auto range = parse_status_range(r.below("http").text("status"))) {
        h.status_min = range->min;
        h.status_max = range->max;
      }
    }
    h.interval = r.duration("interval");
    h.timeout = r.duration("timeout");
    h.fall = static_cast<uint32_t>(r.integer("fall"));
    h.rise = static_cast<uint32_t>(r.integer("rise"));
    return h;
  }

  Route route(const YamlNode& item) {
    Reader r(item, "routes[]");
    Route out;
    out.at = item.at;
    out.name = r.text("name");
    out.service = r.text("service");
    out.service_at = r.at("service");
    out.match = bind_match(r.below("match"), findings_);
    if (const YamlNode* to = r.find("to"))
      for (const YamlNode& arm : to->items) {
        if (arm.kind != YamlNode::map) continue;
        Reader a(arm, "routes[].to[]");
        out.to.push_back(
            {arm.at, a.words("tags"), static_cast<uint32_t>(a.integer("weight")), a.text("service")});
      }
    out.sticky = bind_request_key(r, "sticky", findings_);
    out.actions = bind_actions(r, out.match, findings_);
    Reader timeout = r.below("timeout");
    if (timeout.has("request")) {
      out.request_timeout = timeout.duration("request");
      out.timeout_at = timeout.at("request");
    }
    if (timeout.has("per_try")) out.per_try = timeout.duration("per_try");
    out.rate_limit = read_rate_limit(r);
    if (r.has("retries")) out.retries = read_retries(r.below("retries"), retries_);
    return out;
  }

  void policy(const Reader& top, Policy& out) {
    Reader r = top.below("policy");
    out.default_effect = r.text("default") == "allow" ? Effect::allow : Effect::deny;
    out.default_at = r.has("default") ? r.at("default") : top.at("policy");
    out.authorizer = bind_authorizer(r, findings_);
    const YamlNode* rules = r.find("rules");
    if (!rules) return;
    for (const YamlNode& item : rules->items)
      if (item.kind == YamlNode::map) out.rules.push_back(rule(item));
  }

  PolicyRule rule(const YamlNode& item) {
    Reader r(item, "policy.rules[]");
    PolicyRule out;
    out.at = item.at;
    out.name = r.text("name");
    out.mode = r.text("mode") == "audit" ? PolicyMode::audit : PolicyMode::enforce;
    bool deny = r.has("deny");
    if (deny == r.has("allow"))
      findings_.error(md::missing_key, item.at, item.length,
                      deny ? "a rule has either allow or deny, not both" : "a rule needs allow or deny");
    out.effect = deny ? Effect::deny : Effect::allow;
    Reader what = r.below(deny ? "deny" : "allow");
    what.each("from", [&](const YamlNode& n) {
      if (auto p = bind_principal(n, findings_)) out.from.push_back(*p);
    });
    what.each("to", [&](const YamlNode& n) {
      if (is_dns_label(n.text)) out.to.push_back({n.text, n.at});
    });
    out.methods = what.texts("methods");
    out.paths = what.texts("paths");
    out.token = bind_token_match(what);
    // An empty list would read as "nobody" and act as "everybody".
    for (std::string_view key : {"from", "to", "methods", "paths"})
      if (const YamlNode* n = what.find(key); n && n->kind == YamlNode::list && n->items.empty())
        findings_.error(md::missing_key, what.at(key), static_cast<uint32_t>(key.size()), "an empty list")
            .hint = "leave the key out to mean any";
    return out;
  }

  void access_log(const Reader& r, AccessLog& out) {
    out.at = r.place();
    out.format = r.text("format") == "text" ? AccessLogFormat::text : AccessLogFormat::json;
    out.output = r.text("output");
    out.only = r.text("only");
    r.each("headers", [&](const YamlNode& n) {
      std::string name = lower_case(n.text);
      if (!is_field_name(name))
        findings_.error(md::malformed, n.at, n.length, in_quotes(n.text) + " is not a header's name");
      else if (name == "authorization" || name == "proxy-authorization" || name == "cookie")
        findings_.error(md::malformed, n.at, n.length,
                        in_quotes(n.text) + " would write a secret into the log");
      else
        out.headers.push_back(std::move(name));
    });
    if (out.output != "stdout" && out.output != "stderr" && out.output != "none" &&
        !out.output.starts_with('/'))
      findings_
          .error(md::malformed, r.find("output")->at, r.find("output")->length,
                 in_quotes(out.output) + " is not an output")
          .hint = "stdout, stderr, none or an absolute path";
    if (auto fault = check_access_filter(out.only)) {
      const YamlNode& n = *r.find("only");
      findings_
          .error(md::malformed, n.at, n.length,
                 in_quotes(out.only) + " is not a filter: " + fault->what + ", at character " +
                     std::to_string(fault->offset + 1))
          .hint = "such as \"status >= 400 or duration > 1s\"";
    }
  }

  Test test(const YamlNode& item) {
    Reader r(item, "tests[]");
    Test t;
    t.at = item.at;
    if (const YamlNode* from = r.find("from"); from && from->kind == YamlNode::scalar && !from->is_null()) {
      if (auto p = bind_principal(*from, findings_)) t.from = *p;
      if (t.from.kind == Principal::any)
        findings_.error(md::malformed, from->at, from->length, "a test needs one caller");
    }
    if (auto request = parse_request(r.text("request"))) {
      t.method = request->method;
      t.host = request->host;
      t.path = request->path;
      t.query = request->query;
    }
    for (auto& [name, value] : r.words("headers")) t.headers.emplace_back(lower_case(name), value);
    t.token = bind_token_match(r);
    Reader expect = r.below("expect");
    if (expect.has("route")) t.route = expect.text("route");
    if (expect.has("denied_by")) t.denied_by = expect.text("denied_by");
    if (expect.has("allowed_by")) t.allowed_by = expect.text("allowed_by");
    t.to = expect.words("to");
    if (r.has("expect") && !t.route && !t.denied_by && !t.allowed_by && t.to.empty())
      findings_.error(md::missing_key, r.at("expect"), 6, "a test expects nothing").hint =
          "one of route, denied_by, allowed_by, to";
    return t;
  }

  Retries retries_;  // of defaults
  Findings& findings_;
};

}  // namespace

Model bind(const YamlNode& root, Findings& findings) { return Binder(findings).file(root); }

}  // namespace meshd::model
