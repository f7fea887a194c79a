// SPDX-License-Identifier: Apache-2.0
// route_action.h: what a route does to a request and its response, each in a file of its own; in the order in which
// OutboundService runs them. All look at x.routing.route, which is decided; without actions they do nothing.
#pragma once
#include <optional>

#include "proxy/exchange.h"

namespace meshd {

// fault: waits, where this request is one of the share. False: the request was given up meanwhile.
Await<bool> delay_fault(Exchange& x);

// An answer of the route's own, in this order; nullopt: the request is to be sent.
std::optional<Response> answer_by_route(Exchange& x);
std::optional<Response> preflight_answer(const Exchange& x);  // cors
std::optional<Response> abort_fault(Exchange& x);             // fault
std::optional<Response> redirect_answer(const Exchange& x);   // redirect
std::optional<Response> fixed_answer(const Exchange& x);      // respond

// rewrite, headers.request. Errors: protocol (what came out is no path).
Result<> change_request(Exchange& x);
Result<> rewrite_target(Exchange& x);

// mirror: from here on the content is copied while it is sent; the copy goes out when all of it is there.
void begin_mirror(Exchange& x);

// headers.response and cors, on what goes back to the client.
void change_response(const Exchange& x, ResponseHead& head);
void add_cors(const model::Cors& cors, const RequestHead& request, ResponseHead& head);

// remove, set, add.
void change_fields(const model::FieldChanges& changes, Fields& fields);
// True for `share` of all requests (model/actions.h says in which unit).
bool is_of_share(uint32_t share, FastRandom& random);

}  // namespace meshd
