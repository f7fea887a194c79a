// SPDX-License-Identifier: Apache-2.0
// route_action_fault.cc: some requests are made slow or fail, to try out what callers do.
#include "http/grpc.h"
#include "proxy/data_plane.h"
#include "proxy/pause.h"
#include "proxy/route_action.h"

namespace meshd {
namespace {

// gRPC's own word for an HTTP status (grpc/grpc doc/http-grpc-status-mapping.md).
std::string_view grpc_status(int status) {
  switch (status) {
    case 400: return "13";
    case 401: return "16";
    case 403: return "7";
    case 404: return "12";
    case 429:
    case 502:
    case 503:
    case 504: return "14";
    default: return "2";
  }
}

}  // namespace

Await<bool> delay_fault(Exchange& x) {
  const model::Actions* a = x.routing.route->actions;
  if (a == nullptr || !a->fault || !is_of_share(a->fault->delay_share, x.plane.random())) return true;
  return pause(*x.request, a->fault->delay);
}

std::optional<Response> abort_fault(Exchange& x) {
  const auto& fault = x.routing.route->actions->fault;
  if (!fault || !is_of_share(fault->abort_share, x.plane.random())) return std::nullopt;
  std::string reason = "fault; " + route_text(**x.snapshot, x.routing);
  x.detail = reason;
  Response out;
  if (is_grpc(x.request->head)) {
    out.head.add("content-type", "application/grpc");
    out.head.add("grpc-status", grpc_status(fault->abort_status));
    out.head.add("grpc-message", "fault injected");
  } else if (fault->abort_status == 204 || fault->abort_status == 304) {
    out.head.status = fault->abort_status;
  } else {
    out = make_text_response(fault->abort_status, "text/plain; charset=utf-8", "fault injected\n");
  }
  out.head.add("x-meshd-error", reason);
  return out;
}

}  // namespace meshd
