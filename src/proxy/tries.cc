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
      own_connection_(upstream_version(*x.routing.to->service, x.request->head) == HttpVersion::http11),
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

const Endpoint* Tries::pick_now() {
  for (;;) {
    Pick p = pick_for(x_, tried_, own_connection_);
    full_ = p.full;
    if (p.member == nullptr) return nullptr;
    if (take(x_, *p.member->endpoint, own_connection_)) return p.member->endpoint;
  }
}

void Tries::no_room(const char* limit) {
  last_ = {Errc::overload, Side::upstream, "every endpoint has as much as its limits allow"};
  refuse_full(x_, limit);
}

const Endpoint* Tries::pick() {
  const ServiceEntry& to = *x_.routing.to->service;
  // Who comes while others wait does so behind them.
  full_ = to.limits.pending != 0 && made_ == 0 && x_.plane.waits().busy(to.name);
  if (full_) return nullptr;
  const Endpoint* e = pick_now();
  if (e == nullptr && full_ && made_ == 0 && to.limits.pending == 0)
    no_room(to.limits.requests != 0 ? "max_requests" : "max_connections");
  return e;
}

Task<const Endpoint*> Tries::wait() {
  const ServiceEntry& to = *x_.routing.to->service;
  size_t most = size_t{to.limits.pending} * x_.routing.candidates.size();
  Waiting waiting(x_.plane.waits(), to.name, static_cast<uint32_t>(std::min<size_t>(most, UINT32_MAX)));
  if (!waiting.admitted()) {
    no_room("max_pending");
    co_return nullptr;
  }
  Gauge& pending = x_.plane.pending(to.name);
  pending.add();
  Instant end = x_.plane.loop().now() + (x_.answer_within.count() > 0 ? x_.answer_within : kRequestTimeout);
  const Endpoint* e = pick_now();
  while (e == nullptr && full_ && !over()) {
    auto left = std::chrono::ceil<milliseconds>(end - x_.plane.loop().now());
    bool told = left.count() > 0 && co_await waiting.next(*x_.request, left);
    if (!told) break;
    if (!over()) e = pick_now();
  }
  pending.sub();
  if (e != nullptr)
    waiting.served();
  else if (full_)
    no_room("wait");
  co_return e;
}

void Tries::begin(const Endpoint& e) {
  tried_.push_back(&e);
  ++made_;
  began_ = x_.plane.loop().now();
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
    nanoseconds took = now - began_;
    failed ? x_.load->latency.observe_failure(took, now) : x_.load->latency.observe(took, now);
    // A good head is not yet an answer; but who is tried after an ejection is back by it, if nobody knows how long the
    // answer is: a stream may last for hours.
    x_.result_due = !failed && response->body && (!x_.load->probing || response->body->length());
    if (!x_.result_due && note_result(x_.plane.states(), *x_.endpoint, failed, now))
      x_.plane.count_ejection(x_.service->name);
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
  bool elsewhere = pick_for(x_, tried_, own_connection_).member != nullptr;
  Instant now = x_.plane.loop().now();
  if (what == Again::later && !x_.plane.retry_budget(*x_.service).take(policy_.budget_permille, now))
    co_return false;
  x_.plane.count_retry(x_.service->name);
  milliseconds wait(0);
  if (what == Again::later || !elsewhere) wait = backoff(policy_, made_ - 1, end, x_.plane.random());
  if (!elsewhere) tried_ = Tried();
  give_back(x_);
  if (wait.count() == 0) co_return true;
  if (x_.try_timer) x_.try_timer->rest();
  bool wanted = co_await pause(*x_.request, wait);
  co_return wanted && !over();
}

}  // namespace meshd
