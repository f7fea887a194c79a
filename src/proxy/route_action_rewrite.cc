// SPDX-License-Identifier: Apache-2.0
// route_action_rewrite.cc: the request's path and host become what the route makes of them. What is forwarded from here
// on is what the called node's policy judges.
#include <array>

#include "base/limits.h"
#include "http/semantics.h"
#include "proxy/route_action.h"
#include "snapshot/rewrite.h"

namespace meshd {

Result<> rewrite_target(Exchange& x) {
  const model::Actions& a = *x.routing.route->actions;
  if (!a.rewrite) return {};
  RequestHead& head = x.request->head;
  if (a.rewrite->path.kind != model::PathChange::none) {
    std::array<char, kRequestLineMax> room;
    auto path = rewritten_path(*x.routing.route, head.path_only(), room);
    if (!path) return fail(Errc::protocol, Side::client, "the route's rewrite makes no path of this one");
    std::string target(*path);
    target += head.path().substr(head.path_only().size());
    if (target.size() > kRequestLineMax)
      return fail(Errc::target_too_long, Side::client, "the rewritten path is too long");
    // The file's words are normal already; a pattern may have put parts together that are not.
    if (target.starts_with('/')) {
      auto normal = normalise_path(target);
      if (!normal) return fail(normal.error());
      if (normal->changed) target = *normal->changed;
    }
    head.set_path(target);
  }
  if (!a.rewrite->host.empty()) head.set_authority(a.rewrite->host);
  return {};
}

}  // namespace meshd
