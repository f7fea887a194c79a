// SPDX-License-Identifier: Apache-2.0
#include "proxy/tries.h"

#include "proxy/breaker.h"
#include "proxy/data_plane.h"
#include "proxy/pause.h"

namespace meshd {
namespace {

constexpr int kFailure = 500;  // a status from here on is the server's fault (RFC 9110 section 15.6)

TryEnd end_of(const Result<Response>& response, const Error& last) {
  TryEnd end;
  end.unreached = unreached(last);
  if (response)
    end.response = &*response;
  else
    end.error = &last;
  return end;
}

}  // namespace

bool unreached(const Error& e) {
  switch (e.code) {
    case Errc::refused:
    case Errc::unreachable:
    case Errc::resolve:
    case Errc::identity:
    case Errc::tls:
    case Errc::overload:
    case Errc::draining: return true;
    default: return false;
  }
}

std::optional<Error> unreached(const Response& r) {
  auto reason = r.head.find("x-meshd-error");
  if (!reason) return std::nullopt;
  if (reason->starts_with("refused") || reason->starts_with("unreachable"))
    return Error{Errc::refused, Side::upstream, "the application does not accept connections"};
  if (reason->starts_with("draining"))
    return Error{Errc::draining, Side::upstream, "the called node is going away"};
  if (reason->starts_with("overload"))
    return Error{Errc::overload, Side::upstream, "the called node sheds load"};
  return std::nullopt;
}

Tries::Tries(Exchange& x)
    : x_(x),
      policy_(*x.routing.route->retries),
      had_content_(x.request->body != nullptr),
      last_{Errc::no_endpoint, Side::upstream, "no endpoint to send the request to"} {
  if (policy_.max > 0 && had_content_) replay_ = LocalPtr(new Replay(std::move(x.request->body)));
  if (x.routing.route->per_try.count() > 0)
    x.try_timer = std::make_unique<TryTimer>(*x.request, x.routing.route->per_try);
  x.plane.retry_budget(*x.service).request(x.plane.loop().now());
}

Tries::~Tries() {
  if (replay_) replay_->settle();
}

bool Tries::over() const {
  if (x_.error) return true;  // its deadline
  if (x_.try_timer) return x_.try_timer->request_over();
  return x_.request->cancellation != nullptr && x_.request->cancellation->fired();
}

const Endpoint* Tries::pick() {
  // The limit is the node's; each loop has its share.
  const ServiceEntry& to = *x_.routing.to->service;
  uint32_t most = to.limits.requests;
  if (most != 0) most = std::max(1u, most / x_.plane.settings().threads);
  const Endpoint* e = balance(x_.routing.candidates, to.balance, x_.plane.states(), tried_, x_.plane.random(),
                              x_.plane.turn(to), x_.plane.loop().now(), most);
  if (e == nullptr && made_ == 0 && most != 0)
    last_ = {Errc::overload, Side::upstream, "every endpoint has as many requests as its limit allows"};
  return e;
}

void Tries::begin(const Endpoint& e) {
  tried_.push_back(&e);
  ++made_;
  x_.endpoint = &e;
  x_.load = &x_.plane.states().of(e.id);
  x_.load->taken(x_.plane.loop().now());
  if (replay_) x_.request->body = replay_->reader();
  if (x_.try_timer) x_.try_timer->begin();
}

bool Tries::ended(const Result<Response>& response) {
  Instant now = x_.plane.loop().now();
  if (x_.try_timer) x_.try_timer->stop();
  auto in_its_place = response ? unreached(*response) : std::nullopt;
  if (x_.error)
    last_ = *x_.error;
  else if (!response)
    last_ = response.error();
  else if (in_its_place)
    last_ = *in_its_place;
  else
    last_ = {};
  bool answered = response && !in_its_place && !x_.error;
  bool blameless = !response && response.error().side == Side::client;
  if (answered) x_.load->reached();
  if (unreached(last_)) x_.load->failed(now);
  if (!blameless) {
    bool failed = !answered || response->head.status >= kFailure;
    if (note_result(x_.plane.states(), *x_.endpoint, failed, now)) x_.plane.count_ejection(x_.service->name);
  }
  TryEnd end = end_of(response, last_);
  return answered && again(policy_, x_.request->head.method(), end) == Again::no;
}

Task<bool> Tries::another(const Result<Response>& response) {
  if (made_ > policy_.max || over()) co_return false;
  if (had_content_ && !(replay_ && replay_->possible())) co_return false;
  TryEnd end = end_of(response, last_);
  Again what = again(policy_, x_.request->head.method(), end);
  if (what == Again::no) co_return false;
  bool elsewhere = pick() != nullptr;
  Instant now = x_.plane.loop().now();
  if (what == Again::later && !x_.plane.retry_budget(*x_.service).take(policy_.budget_permille, now))
    co_return false;
  x_.plane.count_retry(x_.service->name);
  milliseconds wait(0);
  if (what == Again::later || !elsewhere) wait = backoff(policy_, made_ - 1, end, x_.plane.random());
  if (!elsewhere) tried_ = Tried();
  x_.load->left();
  x_.load = nullptr;
  if (wait.count() == 0) co_return true;
  if (x_.try_timer) x_.try_timer->rest();
  bool wanted = co_await pause(*x_.request, wait);
  co_return wanted && !over();
}

}  // namespace meshd
