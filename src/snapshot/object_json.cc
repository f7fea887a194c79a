// SPDX-License-Identifier: Apache-2.0
// object_json.cc: each value of the model as JSON and back: writer and reader of one value stand together.
#include "snapshot/object_json.h"

#include "model/bind_authorizer.h"
#include "snapshot/actions_json.h"
#include "snapshot/match_json.h"
#include "snapshot/resilience_json.h"

namespace meshd {
namespace {

using model::AccessLog;
using model::AccessLogFormat;
using model::Effect;
using model::Health;
using model::HealthKind;
using model::Instance;
using model::Interception;
using model::Model;
using model::Mtls;
using model::name_of;
using model::PolicyMode;
using model::Protocol;
using model::RouteTo;
using model::RuleTarget;
using model::Service;

Json write_instance(const Instance& i, SourcePos base) {
  Out o(base);
  o.place("at", i.at);
  o.text("node", i.node);
  o.place("node_at", i.node_at);
  o.text("address", i.address);
  o.number("port", i.port);
  o.text("unit", i.unit);
  o.text("user", i.user);
  o.text("cgroup", i.cgroup);
  o.flag("any_local", i.any_local);
  o.words("tags", i.tags);
  o.number("weight", i.weight, 1);
  return o.done();
}

Instance read_instance(const Json& j, In& parent) {
  In in(j, parent.error(), parent.base());
  Instance i;
  i.at = in.place("at");
  i.node = in.text("node");
  i.node_at = in.place("node_at");
  i.address = in.text("address");
  i.port = in.number<uint16_t>("port");
  i.unit = in.text("unit");
  i.user = in.text("user");
  i.cgroup = in.text("cgroup");
  i.any_local = in.flag("any_local");
  i.tags = in.words("tags");
  i.weight = in.number<uint32_t>("weight", 1);
  return i;
}

Json write_health(const Health& h, SourcePos base) {
  Out o(base);
  o.place("at", h.at);
  if (h.kind == HealthKind::grpc) o.value("grpc", json(h.grpc_service));
  if (h.kind == HealthKind::http) {
    o.text("path", h.path);
    o.number("status_min", h.status_min);
    o.number("status_max", h.status_max);
  }
  o.number("interval_ms", h.interval.count());
  o.number("timeout_ms", h.timeout.count());
  o.number("fall", h.fall);
  o.number("rise", h.rise);
  return o.done();
}

Health read_health(const Json& j, In& parent) {
  In in(j, parent.error(), parent.base());
  Health h;
  h.at = in.place("at");
  h.kind = in.has("path") ? HealthKind::http : in.has("grpc") ? HealthKind::grpc : HealthKind::tcp;
  h.grpc_service = in.text("grpc");
  h.path = in.text("path");
  h.status_min = in.number<uint16_t>("status_min", h.status_min);
  h.status_max = in.number<uint16_t>("status_max", h.status_max);
  h.interval = in.ms("interval_ms");
  h.timeout = in.ms("timeout_ms");
  h.fall = in.number<uint32_t>("fall");
  h.rise = in.number<uint32_t>("rise");
  return h;
}

Json write_authorizer(const model::Authorizer& a) {
  Out o;
  o.text("url", a.url);
  o.number("timeout_ms", a.timeout.count());
  o.flag("fail_open", a.fail_open);
  std::vector<std::string> to;
  for (const RuleTarget& t : a.to) to.push_back(t.service);
  o.texts("to", to);
  o.texts("headers", a.headers);
  o.texts("set", a.sets);
  return o.done();
}

model::Authorizer read_authorizer(const Json& j, In& parent) {
  In in(j, parent.error());
  model::Authorizer a;
  a.url = in.text("url");
  if (!model::read_authorizer_url(a)) in.wrong("url");
  a.timeout = in.ms("timeout_ms");
  if (a.timeout.count() <= 0) in.wrong("timeout_ms");
  a.fail_open = in.flag("fail_open");
  for (std::string& service : in.texts("to")) a.to.push_back({std::move(service), {}});
  a.headers = in.texts("headers");
  a.sets = in.texts("set");
  return a;
}

Json write_token_match(const model::TokenMatch& t, SourcePos base) {
  Out o(base);
  o.place("at", t.at);
  o.text("issuer", t.issuer);
  o.place("issuer_at", t.issuer_at);
  o.words("claims", t.claims);
  return o.done();
}

model::TokenMatch read_token_match(const Json& j, In& parent) {
  In in(j, parent.error(), parent.base());
  model::TokenMatch t;
  t.at = in.place("at");
  // A rule that asks for a token asks for it wherever it stands.
  if (!t.wanted()) t.at = {1, 1};
  t.issuer = in.text("issuer");
  t.issuer_at = in.place("issuer_at");
  t.claims = in.words("claims");
  return t;
}

}  // namespace

Json write_service(const Service& s) {
  Out o(s.at);
  o.text("name", s.name);
  o.text("protocol", name_of(s.protocol), name_of(Protocol::http));
  o.number("port", s.port);
  o.number("listen", s.listen);
  o.place("listen_at", s.listen_at);
  o.list("instances", s.instances, [&](const Instance& i) { return write_instance(i, s.at); });
  if (s.health) o.value("health", write_health(*s.health, s.at));
  if (s.breaker) o.value("breaker", write_breaker(*s.breaker));
  if (s.limits != model::EndpointLimits()) o.value("limits", write_limits(s.limits));
  if (s.balance != model::Balance()) o.value("balance", write_balance(s.balance));
  return o.done();
}

Service read_service(const Json& j, SourcePos at, ReadError& error) {
  In in(j, error, at);
  Service s;
  s.at = at;
  s.name = in.text("name");
  s.protocol = in.choice("protocol", Protocol::http, 5);
  s.port = in.number<uint16_t>("port");
  s.listen = in.number<uint16_t>("listen");
  s.listen_at = in.place("listen_at");
  in.each("instances", [&](const Json& i) { s.instances.push_back(read_instance(i, in)); });
  if (in.has("health")) s.health = read_health(in.take("health"), in);
  if (in.has("breaker")) s.breaker = read_breaker(in.take("breaker"), error);
  if (in.has("limits")) s.limits = read_limits(in.take("limits"), error);
  if (in.has("balance")) s.balance = read_balance(in.take("balance"), error);
  return s;
}

Json write_route(const model::Route& r) {
  Out o(r.at);
  o.text("name", r.name);
  o.text("service", r.service);
  o.place("service_at", r.service_at);
  Json match = write_match(r.match, r.at);
  if (!match.get<JsonObject>().empty()) o.value("match", std::move(match));
  o.list("to", r.to, [&](const RouteTo& to) {
    Out arm(r.at);
    arm.place("at", to.at);
    arm.words("tags", to.tags);
    arm.number("weight", to.weight, 1);
    arm.text("service", to.service);
    return arm.done();
  });
  if (r.request_timeout) o.value("timeout_ms", json(int64_t{r.request_timeout->count()}));
  o.place("timeout_at", r.timeout_at);
  write_sticky(o, r.sticky);
  write_actions(o, r.actions);
  o.number("per_try_ms", r.per_try.count());
  if (r.retries) o.value("retries", write_retries(*r.retries));
  if (r.rate_limit) o.value("rate_limit", write_rate_limit(*r.rate_limit));
  return o.done();
}

model::Route read_route(const Json& j, SourcePos at, ReadError& error) {
  In in(j, error, at);
  model::Route r;
  r.at = at;
  r.name = in.text("name");
  r.service = in.text("service");
  r.service_at = in.place("service_at");
  if (in.has("match")) r.match = read_match(in.take("match"), in);
  in.each("to", [&](const Json& item) {
    In arm(item, in.error(), at);
    RouteTo to;
    to.at = arm.place("at");
    to.tags = arm.words("tags");
    to.weight = arm.number<uint32_t>("weight", 1);
    to.service = arm.text("service");
    r.to.push_back(std::move(to));
  });
  if (in.has("timeout_ms")) r.request_timeout = in.ms("timeout_ms");
  r.timeout_at = in.place("timeout_at");
  r.sticky = read_sticky(in);
  r.actions = read_actions(in);
  r.per_try = in.ms("per_try_ms");
  if (in.has("retries")) r.retries = read_retries(in.take("retries"), error);
  if (in.has("rate_limit")) r.rate_limit = read_rate_limit(in.take("rate_limit"), error);
  return r;
}

Json write_rule(const model::PolicyRule& r) {
  Out o(r.at);
  o.text("name", r.name);
  o.text("effect", name_of(r.effect));
  o.text("mode", name_of(r.mode), name_of(PolicyMode::enforce));
  write_principals(o, r.from);
  o.list("to", r.to, [&](const RuleTarget& t) {
    Out item(r.at);
    item.place("at", t.at);
    item.text("service", t.service);
    return item.done();
  });
  o.texts("methods", r.methods);
  o.texts("paths", r.paths);
  if (r.token.wanted()) o.value("jwt", write_token_match(r.token, r.at));
  return o.done();
}

model::PolicyRule read_rule(const Json& j, SourcePos at, ReadError& error) {
  In in(j, error, at);
  model::PolicyRule r;
  r.at = at;
  r.name = in.text("name");
  if (!in.has("effect")) in.wrong("effect");
  r.effect = in.choice("effect", Effect::deny, 2);
  r.mode = in.choice("mode", PolicyMode::enforce, 2);
  r.from = read_principals(in);
  in.each("to", [&](const Json& item) {
    In t(item, in.error(), at);
    RuleTarget out;
    out.at = t.place("at");
    out.service = t.text("service");
    r.to.push_back(std::move(out));
  });
  r.methods = in.texts("methods");
  r.paths = in.texts("paths");
  if (in.has("jwt")) r.token = read_token_match(in.take("jwt"), in);
  return r;
}

// Where the keys come from is the server's affair.
Json write_issuer(const model::Issuer& i) {
  Out o(i.at);
  o.text("name", i.name);
  o.text("issuer", i.issuer);
  o.texts("audiences", i.audiences);
  o.text("keys", i.key_set);
  return o.done();
}

model::Issuer read_issuer(const Json& j, SourcePos at, ReadError& error) {
  In in(j, error, at);
  model::Issuer i;
  i.at = at;
  i.name = in.text("name");
  i.issuer = in.text("issuer");
  if (i.issuer.empty()) in.wrong("issuer");
  i.audiences = in.texts("audiences");
  i.key_set = in.text("keys");
  return i;
}

Json write_mesh(const Model& m) {
  Out o;
  o.text("file", m.file);
  o.text("name", m.mesh.name);
  o.text("trust_domain", m.mesh.trust_domain);
  o.flag("permissive", m.mesh.mtls == Mtls::permissive);
  o.flag("transparent", m.mesh.interception == Interception::transparent);
  o.number("http_port", m.mesh.http_port);
  o.number("leaf_lifetime_ms", m.mesh.leaf_lifetime.count());
  o.number("root_lifetime_ms", m.mesh.root_lifetime.count());
  o.text("control", m.server.control);
  o.text("dashboard", m.server.dashboard);
  o.number("request_timeout_ms", m.defaults.timeout.request.count());
  o.number("connect_timeout_ms", m.defaults.timeout.connect.count());
  o.number("idle_timeout_ms", m.defaults.timeout.idle.count());
  o.value("retries", write_retries(m.defaults.retries));
  o.text("policy_default", name_of(m.policy.default_effect));
  if (m.policy.authorizer) o.value("authorizer", write_authorizer(*m.policy.authorizer));
  const AccessLog& log = m.telemetry.access_log;
  o.text("access_log_format", log.format == AccessLogFormat::text ? "text" : "json", "json");
  o.text("access_log_output", log.output, "stdout");
  o.text("access_log_only", log.only);
  o.texts("access_log_headers", log.headers);
  return o.done();
}

void read_mesh(const Json& j, Model& m, ReadError& error) {
  In in(j, error);
  m.file = in.text("file");
  m.mesh.name = in.text("name");
  m.mesh.trust_domain = in.text("trust_domain");
  m.mesh.mtls = in.flag("permissive") ? Mtls::permissive : Mtls::strict;
  m.mesh.interception = in.flag("transparent") ? Interception::transparent : Interception::explicit_listeners;
  m.mesh.http_port = in.number<uint16_t>("http_port");
  m.mesh.leaf_lifetime = in.ms("leaf_lifetime_ms");
  m.mesh.root_lifetime = in.ms("root_lifetime_ms");
  m.server.control = in.text("control");
  m.server.dashboard = in.text("dashboard");
  m.defaults.timeout.request = in.ms("request_timeout_ms");
  m.defaults.timeout.connect = in.ms("connect_timeout_ms");
  m.defaults.timeout.idle = in.ms("idle_timeout_ms");
  if (in.has("retries")) m.defaults.retries = read_retries(in.take("retries"), error);
  m.policy.default_effect = in.choice("policy_default", Effect::deny, 2);
  if (in.has("authorizer")) m.policy.authorizer = read_authorizer(in.take("authorizer"), in);
  AccessLog& log = m.telemetry.access_log;
  std::string format = in.text("access_log_format", "json");
  if (format != "json" && format != "text") in.wrong("access_log_format");
  log.format = format == "text" ? AccessLogFormat::text : AccessLogFormat::json;
  log.output = in.text("access_log_output", "stdout");
  log.only = in.text("access_log_only");
  log.headers = in.texts("access_log_headers");
}

Json write_node(const NodeInfo& n) {
  Out o;
  o.text("name", n.name);
  o.text("address", n.address);
  o.number("mesh_port", n.mesh_port);
  o.text("zone", n.zone);
  return o.done();
}

NodeInfo read_node(const Json& j, ReadError& error) {
  In in(j, error);
  NodeInfo n;
  n.name = in.text("name");
  n.address = in.text("address");
  n.mesh_port = in.number<uint16_t>("mesh_port");
  n.zone = in.text("zone");
  return n;
}

}  // namespace meshd
