// SPDX-License-Identifier: Apache-2.0
// route_action_redirect.cc: an answer that leads elsewhere (RFC 9110 section 15.4), and answers that stand in the file.
#include <array>

#include "base/limits.h"
#include "http/semantics.h"
#include "proxy/route_action.h"
#include "snapshot/rewrite.h"

namespace meshd {
namespace {

// An IPv6 literal with its brackets again.
std::string in_uri(const HostPort& at) {
  return at.is_ipv6 ? "[" + std::string(at.host) + "]" : std::string(at.host);
}

}  // namespace

std::optional<Response> redirect_answer(const Exchange& x) {
  const Route& route = *x.routing.route;
  if (!route.actions->redirect) return std::nullopt;
  const model::Redirect& r = *route.actions->redirect;
  const RequestHead& head = x.request->head;
  std::string location = r.scheme.empty() ? std::string(head.scheme()) : r.scheme;
  location += "://";
  auto asked = parse_authority(head.authority());
  location += r.host.empty() && asked ? in_uri(*asked) : r.host.empty() ? x.service->name : r.host;
  // The request's port belongs to the request's place.
  if (r.port != 0)
    location += ":" + std::to_string(r.port);
  else if (asked && asked->port && r.scheme.empty() && r.host.empty())
    location += ":" + std::to_string(*asked->port);
  std::array<char, kRequestLineMax> room;
  auto path = changed_path(r.path, route.path_regex, route.match.path, head.path_only(), room);
  if (!path)
    return make_error_response({Errc::protocol, Side::client, "the redirect makes no path of this one"});
  location += path->starts_with('/') ? *path : "/";
  location += head.path().substr(head.path_only().size());
  Response out;
  out.head.status = r.status;
  out.head.add("location", location);
  out.body = make_body(Chunk());
  return out;
}

std::optional<Response> fixed_answer(const Exchange& x) {
  const auto& r = x.routing.route->actions->respond;
  if (!r) return std::nullopt;
  if (r->status == 204 || r->status == 304) {
    Response out;
    out.head.status = r->status;
    return out;
  }
  return make_text_response(r->status, r->body.empty() ? std::string_view() : r->content_type, r->body);
}

}  // namespace meshd
