// SPDX-License-Identifier: Apache-2.0
#include "control/control_port.h"

#include "control/api_router.h"

namespace meshd {

Task<Result<Response>> ControlPort::call(Request& request) {
  std::string_view path = request.head.path_only();
  bool join_call = path == "/v1/join", certificates_call = path == "/v1/certificates",
       sync_call = path == "/v1/sync", recover_call = path == "/v1/recover";
  if (!join_call && !certificates_call && !sync_call && !recover_call)
    co_return api_error({Errc::not_found, "nothing is here; this is the control port of a mesh"});
  if (request.head.method() != "POST") co_return api_error(405, {Errc::unsupported, "this path takes POST"});
  if (join_call) co_return co_await join(request);
  if (recover_call) co_return co_await recover(request);
  if (certificates_call) co_return co_await certificates(request);

  auto who = node();
  if (!who) co_return api_error(who.error());
  if (!request.body) co_return api_error({Errc::invalid_argument, "the node's stream is missing"});
  co_return desks_.distributor.open(*who, std::move(request.body));
}

// The node that this connection's certificate names. Asked again at each call: it may have been removed meanwhile.
Outcome<std::string> ControlPort::node() const {
  if (!peer_) return fail(Errc::denied, "this call needs a node's certificate; join the mesh first");
  std::string name(node_of(*peer_));
  if (name.empty() || *peer_ != node_id(desks_.trust_domain, name))
    return fail(Errc::denied, peer_->uri() + " is not a node of this mesh");
  if (desks_.registry.find(name) == nullptr)
    return fail(
        Errc::denied,
        "node " + name + " is not in this mesh any more: it was removed; join it again with a new token");
  return name;
}

Task<Result<Response>> ControlPort::join(Request& request) {
  auto body = co_await json_body(request, kJoinBodyMax);
  if (!body) co_return api_error(body.error());
  auto answer = desks_.join.join(*body, from_);
  if (!answer) co_return api_error(answer.error());
  co_return json_response(200, *answer);
}

Task<Result<Response>> ControlPort::recover(Request& request) {
  auto body = co_await json_body(request, kJoinBodyMax);
  if (!body) co_return api_error(body.error());
  // Whoever has shown no token and no certificate shares the budget of joins that fail.
  if (desks_.join.too_many(from_))
    co_return api_error({Errc::overload, "too many calls from " + from_ + " failed; try again in a minute"});
  auto answer = desks_.recover.recover(*body, from_);
  if (!answer) {
    desks_.join.failed(from_);
    co_return api_error(answer.error());
  }
  co_return json_response(200, *answer);
}

Task<Result<Response>> ControlPort::certificates(Request& request) {
  auto body = co_await json_body(request, kCertificatesBodyMax);
  auto who = node();
  if (!who) co_return api_error(who.error());
  if (!body) co_return api_error(body.error());
  auto answer = desks_.certificates.issue(*body, *who);
  if (!answer) co_return api_error(answer.error());
  co_return json_response(200, *answer);
}

}  // namespace meshd
