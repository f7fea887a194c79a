// SPDX-License-Identifier: Apache-2.0
// route_action.cc: the actions of a route in their order, and what they share.
#include "proxy/route_action.h"

#include "proxy/data_plane.h"

namespace meshd {

std::optional<Response> answer_by_route(Exchange& x) {
  if (x.routing.route->actions == nullptr) return std::nullopt;
  if (auto preflight = preflight_answer(x)) return preflight;
  if (auto aborted = abort_fault(x)) return aborted;
  if (auto redirect = redirect_answer(x)) return redirect;
  return fixed_answer(x);
}

Result<> change_request(Exchange& x) {
  const model::Actions* a = x.routing.route->actions;
  if (a == nullptr) return {};
  if (auto rewritten = rewrite_target(x); !rewritten) return rewritten;
  change_fields(a->request, x.request->head);
  return {};
}

void change_response(const Exchange& x, ResponseHead& head) {
  if (x.routing.route == nullptr || x.routing.route->actions == nullptr) return;
  const model::Actions& a = *x.routing.route->actions;
  if (a.cors) add_cors(*a.cors, x.request->head, head);
  change_fields(a.response, head);
}

void change_fields(const model::FieldChanges& changes, Fields& fields) {
  for (const std::string& name : changes.remove) fields.remove(name);
  for (const model::FieldChange& c : changes.set) fields.set(c.name, c.value);
  for (const model::FieldChange& c : changes.add) fields.add(c.name, c.value);
}

bool is_of_share(uint32_t share, FastRandom& random) {
  return share > 0 && (share >= model::kEverything || random.below(model::kEverything) < share);
}

}  // namespace meshd
