// SPDX-License-Identifier: Apache-2.0
// record.cc: stage 8 of 8. What happened, for metrics and the access log.
// Reads the whole exchange. The last stage.
#include "http/grpc.h"
#include "model/route_edit.h"
#include "proxy/breaker.h"
#include "proxy/data_plane.h"
#include "proxy/exchange.h"
#include "proxy/lease.h"

namespace meshd {
namespace {

GoldenSeries& golden_of(Exchange& x) {
  bool outbound = x.direction == Direction::outbound;
  const void* what = outbound && x.routing.route ? static_cast<const void*>(x.routing.route) : x.service;
  GoldenSeries*& cached = x.snapshot->golden(what, x.from);
  if (cached == nullptr) {
    GoldenKey key;
    key.direction = x.direction;
    key.service = x.service ? std::string_view(x.service->name) : "-";
    key.route =
        x.routing.route && !x.routing.route->name.empty() ? std::string_view(x.routing.route->name) : "-";
    key.peer = x.from->text.empty() ? "-" : std::string_view(x.from->text);
    cached = &x.plane.golden().series(key);
  }
  return *cached;
}

// Of a split only: what has one arm is told by its route. A client that went away says nothing about the arm.
void record_arm(Exchange& x, uint64_t duration_ns) {
  const Route* route = x.routing.route;
  const Destination* to = x.routing.to;
  if (route == nullptr || to == nullptr || route->to.size() < 2) return;
  bool failed = x.status == 0 || x.status >= 500 || (x.error && x.error->side != Side::client);
  if (failed && x.error && x.error->side == Side::client) return;
  ArmSeries*& cached = x.snapshot->arm(to);
  if (cached == nullptr) {
    bool elsewhere = to->service != nullptr && to->service != route->service;
    std::string_view other = elsewhere ? std::string_view(to->service->name) : "";
    cached = &x.plane.golden().arm(route->name, model::arm_label(to->tags, other));
  }
  cached->record(failed, duration_ns);
}

// An answer that breaks off counts as none; a client that goes away says nothing against it.
void judge_answer(Exchange& x) {
  bool failed = x.error && x.error->side == Side::upstream;
  if (note_result(x.plane.states(), *x.endpoint, failed, x.plane.loop().now()))
    x.plane.count_ejection(x.service->name);
}

SourcePos deciding_place(const Exchange& x) {
  if (x.judged) return x.policy.at;
  return x.routing.route ? x.routing.route->at : SourcePos{};
}

AccessRecord log_record(const Exchange& x, uint64_t duration_ns) {
  AccessRecord r;
  r.time_ms = x.plane.wall_ms() - static_cast<int64_t>(duration_ns / 1'000'000);
  r.direction = x.direction;
  r.node = x.plane.settings().name;
  r.source = x.from->uri;
  if (x.service) r.service = x.service->name;
  if (x.endpoint) {
    bool dialled = x.direction == Direction::outbound;
    r.endpoint =
        (dialled ? x.endpoint->address : x.endpoint->app_address) + ":" + std::to_string(x.endpoint->port);
  }
  if (x.request) {
    r.method = x.request->head.method();
    r.path = x.request->head.path();
    r.host = x.request->head.authority();
    if (auto id = x.request->head.find("x-request-id")) r.request_id = *id;
    r.grpc = is_grpc(x.request->head);
  }
  if (!x.server_name.empty()) r.host = x.server_name;
  if (x.asked) {
    r.asked_path = x.asked->path;
    r.asked_host = x.asked->host;
    r.fields = x.asked->fields;
  }
  r.status = x.status;
  if (x.error) {
    r.error = name_of(x.error->code);
    if (!x.detail.empty()) r.error += "; " + x.detail;
  }
  r.rule = deciding_place(x);
  if (const PolicyRule* rule = x.policy.audit_rule)
    r.audit = std::string(name_of(x.policy.audit_verdict)) + " by " + rule->name + " at " +
              std::to_string(rule->at.line) + ":" + std::to_string(rule->at.column);
  r.duration_us = duration_ns / 1000;
  r.bytes_in = x.bytes_in;
  r.bytes_out = x.bytes_out;
  if (x.routing.route) r.route = x.routing.route->name;
  r.revision = (*x.snapshot)->revision;
  return r;
}

}  // namespace

void note_flow(const Exchange& x, const Endpoint& to) {
  bool http = x.request != nullptr;
  x.plane.flows().add({.caller = *x.from,
                       .service = to.service->name,
                       .port = to.port,
                       .method = http ? x.request->head.method() : std::string_view(),
                       .path = http ? x.request->head.path_only() : std::string_view()},
                      x.plane.wall_ms() / 1000);
}

void note_asked(Exchange& x) {
  const LoopSnapshot& s = *x.snapshot;
  if (!s.log_on || x.request == nullptr) return;
  const RequestHead& head = x.request->head;
  const std::vector<std::string>& names = s->model.telemetry.access_log.headers;
  const Route* route = x.routing.route;
  bool rewritten = route != nullptr && route->actions != nullptr && route->actions->rewrite;
  if (names.empty() && !rewritten) return;
  x.asked = std::make_unique<Asked>();
  for (const std::string& name : names) {
    auto value = head.find(name);
    x.asked->fields.push_back({name, value ? std::optional<std::string>(*value) : std::nullopt});
  }
  if (!rewritten) return;
  x.asked->path = head.path();
  x.asked->host = head.authority();
}

void forget(Exchange& x) {
  x.recorded = true;
  x.deadline.stop();
  if (x.content) x.content->waiting = nullptr;
  give_back(x);
}

void record(Exchange& x) {
  if (x.recorded) return;
  if (x.result_due) judge_answer(x);  // while it still counts as the one that tries the endpoint
  forget(x);
  if (x.content) x.bytes_in = x.content->bytes;
  if (x.request != nullptr && x.request->cancellation == &x.cancellation) x.request->cancellation = nullptr;
  auto duration = static_cast<uint64_t>((x.plane.loop().now() - x.start).count());
  GoldenSeries& golden = x.golden ? *x.golden : golden_of(x);
  if (x.request != nullptr) {
    golden.begin();
    golden.record({x.status, duration, x.bytes_in, x.bytes_out});
    if (x.direction == Direction::outbound) record_arm(x, duration);
  } else {
    golden.record_tcp(x.error ? x.error->code : Errc::ok);
    golden.record_bytes(x.bytes_in, x.bytes_out);
  }
  if (x.error) golden.record_error(x.error->code, x.error->side);
  // What an audit rule would change is the reason to have it: it is logged whatever the log's filter says.
  bool audited = x.policy.audit_rule != nullptr && x.policy.audit_verdict != x.policy.verdict;
  if (x.policy.audit_rule != nullptr)
    x.plane.count_audit(x.service->name, x.policy.audit_rule->name, name_of(x.policy.audit_verdict));
  if (!x.snapshot->log_on) return;
  AccessFacts facts;
  facts.status = x.status;
  facts.duration_us = duration / 1000;
  if (x.request) {
    facts.method = x.request->head.method();
    facts.path = x.request->head.path();
  }
  if (x.service) facts.service = x.service->name;
  if (audited || x.snapshot->log_filter.matches(facts)) x.plane.log(log_record(x, duration));
}

}  // namespace meshd
