// SPDX-License-Identifier: Apache-2.0
#include "control/canary_api.h"

#include "model/scalars.h"

namespace meshd {
namespace {

constexpr int64_t kWaitMax = 60'000;

bool news(const Json& canary, int64_t seen) {
  std::string state = text_of(canary, "state");
  return static_cast<int64_t>(list_of(canary, "events").size()) > seen ||
         (state != "running" && state != "set");
}

Outcome<CanaryDesk::RunOrder> order_of(const Json& body) {
  CanaryDesk::RunOrder order;
  order.arm = text_of(body, "to");
  auto step = model::parse_percent(text_of(body, "step", "10%"));
  auto every = model::parse_duration(text_of(body, "every", "1m"));
  if (!step) return fail(Errc::invalid_argument, "'step' must be a percentage such as 10%");
  if (!every) return fail(Errc::invalid_argument, "'every' must be a time such as 1m");
  order.step = *step;
  order.every = *every;
  order.guard = text_of(body, "guard").substr(0, 1024);
  order.min_requests =
      static_cast<uint64_t>(std::max<int64_t>(0, int_of(body, "min_requests", int64_t{kCanaryRequests})));
  return order;
}

}  // namespace

void CanaryApi::mount(ApiRouter& router) {
  router.add("GET", "/v1/canaries", [this](ApiCall& c) { return list(c); });
  router.add("GET", "/v1/canaries/{}", [this](ApiCall& c) { return one(c); });
  router.add("POST", "/v1/canaries/{}", [this](ApiCall& c) { return act(c); });
}

Task<Result<Response>> CanaryApi::list(ApiCall&) { co_return json_response(200, desk_.list()); }

Task<Result<Response>> CanaryApi::one(ApiCall& call) {
  auto wait = call.query_number("wait", 0, kWaitMax);
  if (!wait) co_return api_error(wait.error());
  auto seen = call.query_number("events", 0, kCanaryEventsMax);
  if (!seen) co_return api_error(seen.error());
  auto now = desk_.status(call.parts[0]);
  if (now && *wait > 0 && !news(*now, *seen)) {
    co_await desk_.changed.wait(milliseconds(*wait));
    now = desk_.status(call.parts[0]);
  }
  if (!now) co_return api_error(now.error());
  co_return json_response(200, *now);
}

Task<Result<Response>> CanaryApi::act(ApiCall& call) {
  auto body = co_await json_body(call.request);
  if (!body) co_return api_error(body.error());
  const std::string& route = call.parts[0];
  std::string action = text_of(*body, "action");
  Outcome<Json> done = fail(Errc::invalid_argument, "'action' must be set, run, promote or abort");
  if (action == "set") {
    std::vector<Share> shares;
    for (const Json& text : list_of(*body, "shares")) {
      auto share = parse_share(text.is<std::string>() ? text.get<std::string>() : "");
      if (!share) co_return api_error(share.error());
      shares.push_back(std::move(*share));
    }
    done = desk_.set(route, shares, call.caller);
  } else if (action == "run") {
    auto order = order_of(*body);
    if (!order) co_return api_error(order.error());
    order->route = route;
    order->by = call.caller;
    done = desk_.run(*order);
  } else if (action == "promote") {
    done = desk_.promote(route, call.caller);
  } else if (action == "abort") {
    done = desk_.abort(route, call.caller);
  }
  if (!done) co_return api_error(done.error());
  co_return json_response(200, *done);
}

}  // namespace meshd
