// SPDX-License-Identifier: Apache-2.0
// node_routes.cc: what every node answers on its local API; a server adds its own (control_server.h).
//
//   GET /v1/status        NodeStatus::status
//   GET /v1/checks        what is wrong here, or soon will be (control/node_checks.h, proxy/owner_report.h)
//   GET /v1/get/KIND      services, nodes, routes, policies, limits, certs
//   POST /v1/explain      what the data plane would do with a request (control/explain.h)
//   POST /v1/certs/rotate {"name"?}: renews now, one identity or all → as /v1/get/certs
//   POST /v1/drain        as SIGTERM: requests finish, then the process ends
//   POST /v1/logs/reopen  as SIGHUP
#include <signal.h>
#include <unistd.h>

#include "app/node.h"
#include "control/explain_balance.h"
#include "control/node_checks.h"

namespace meshd {
namespace {

Task<Result<Response>> show_checks(const NodeParts& node, DataLoops& loops, const ControlServer* server) {
  CheckList checks = node_checks(node);
  Task<CheckList> asked = peer_checks(node);
  checks.append(co_await asked);
  checks.append(loops.host_checks());
  if (server != nullptr) checks.append(server->checks());
  JsonObject out;
  out["apiVersion"] = json(kApiVersion);
  out["kind"] = json("CheckList");
  out["items"] = std::move(checks).list();
  co_return json_response(200, Json(std::move(out)));
}

Task<Result<Response>> show_status(const NodeStatus& status, DataLoops& loops, const ControlServer* server) {
  Json all = status.status();
  all.get<JsonObject>()["workloads"] = loops.workloads();
  if (server != nullptr) all.get<JsonObject>()["control"] = server->status_json();
  co_return json_response(200, all);
}

Task<Result<Response>> show_list(const NodeStatus& status, std::string kind) {
  auto list = status.get(kind);
  if (!list) co_return api_error(list.error());
  co_return json_response(200, *list);
}

Task<Result<Response>> show_explanation(const LiveConfig& live, const HealthView& health, DataLoops& loops,
                                        std::string node, Request& request) {
  auto body = co_await json_body(request);
  if (!body) co_return api_error(body.error());
  auto question = read_question(*body);
  if (!question) co_return api_error(question.error());
  if (!live.snapshot()) co_return api_error(Detailed{Errc::not_found, "this node has no configuration yet"});
  // The answer may come after the caller has gone: it is kept by who gives it.
  auto looked = std::make_shared<Op<std::vector<EndpointViews>>>();
  loops.look([looked](std::vector<EndpointViews> views) { looked->complete(std::move(views)); });
  std::vector<EndpointViews> views = co_await *looked;
  auto answer = explain(*live.snapshot(), Known{health.down(), views, node}, *question);
  if (!answer) co_return api_error(answer.error());
  co_return json_response(200, *answer);
}

Task<Result<Response>> rotate_certificates(Identities& identities, const NodeStatus& status,
                                           Request& request) {
  auto body = co_await json_body(request);
  if (!body) co_return api_error(body.error());
  Task<Outcome<>> rotated = identities.rotate(text_of(*body, "name"));
  auto done = co_await rotated;
  if (!done) co_return api_error(done.error());
  auto list = status.get("certs");
  co_return json_response(200, *list);
}

// By signal, so that there is one way in which this process ends.
Task<Result<Response>> begin_drain() {
  kill(getpid(), SIGTERM);
  JsonObject answer;
  answer["draining"] = Json(true);
  co_return json_response(202, Json(std::move(answer)));
}

Task<Result<Response>> reopen(Node& node) {
  node.reopen_logs();
  co_return json_response(200, Json(JsonObject()));
}

}  // namespace

void Node::add_routes() {
  router_.add("GET", "/v1/status",
              [this](ApiCall&) { return show_status(*status_, *loops_, server_.get()); });
  router_.add("GET", "/v1/checks",
              [this](ApiCall&) { return show_checks(status_->parts(), *loops_, server_.get()); });
  router_.add("GET", "/v1/get/{}", [this](ApiCall& call) { return show_list(*status_, call.parts.at(0)); });
  router_.add("POST", "/v1/explain", [this](ApiCall& call) {
    return show_explanation(*live_, *health_, *loops_, file_.node, call.request);
  });
  router_.add("POST", "/v1/certs/rotate",
              [this](ApiCall& call) { return rotate_certificates(*identities_, *status_, call.request); });
  router_.add("POST", "/v1/drain", [](ApiCall&) { return begin_drain(); });
  router_.add("POST", "/v1/logs/reopen", [this](ApiCall&) { return reopen(*this); });
}

}  // namespace meshd
