// SPDX-License-Identifier: Apache-2.0
#include "proxy/retry.h"

#include <catch2/catch_test_macros.hpp>

#include "loop/loop.h"
#include "proxy/breaker.h"
#include "proxy/replay.h"

namespace meshd {
namespace {

using model::Retries;

Instant at(double seconds) { return {static_cast<int64_t>((1000 + seconds) * 1e9)}; }

Response status(int code) {
  Response r;
  r.head.status = static_cast<uint16_t>(code);
  return r;
}

TEST_CASE("which ends are followed by another try") {
  struct Case {
    uint8_t on;
    const char* method;
    int status;  // 0: an error
    Error error;
    bool unreached;
    Again want;
  };
  const Error broke{Errc::reset, Side::upstream, ""}, late{Errc::timeout, Side::upstream, ""};
  const Error refused{Errc::refused, Side::upstream, ""}, upload{Errc::reset, Side::client, ""};
  const uint8_t all = 31;
  for (const Case& c : {
           Case{all, "GET", 200, {}, false, Again::no}, Case{all, "GET", 404, {}, false, Again::no},
           Case{all, "GET", 500, {}, false, Again::later},
           Case{all, "POST", 500, {}, false, Again::no},  // it may have been done
           Case{Retries::gateway_error, "GET", 500, {}, false, Again::no},
           Case{Retries::gateway_error, "GET", 503, {}, false, Again::later},
           Case{Retries::too_many, "GET", 429, {}, false, Again::later},
           Case{Retries::reset, "GET", 429, {}, false, Again::no},
           Case{Retries::reset, "GET", 0, broke, false, Again::later},
           Case{Retries::reset, "POST", 0, broke, false, Again::no},
           Case{Retries::reset, "GET", 0, late, false, Again::no},
           Case{Retries::gateway_error, "GET", 0, late, false, Again::later},
           Case{Retries::connect_failure, "POST", 0, refused, true, Again::now},  // it cannot have been done
           Case{Retries::reset, "POST", 0, refused, true, Again::no},
           Case{all, "GET", 0, upload, false, Again::no},  // the client's own fault
       }) {
    CAPTURE(int(c.on), c.method, c.status, c.error.code);
    Retries policy;
    policy.on = c.on;
    Response r = status(c.status);
    TryEnd end{c.status == 0 ? &c.error : nullptr, c.status == 0 ? nullptr : &r, c.unreached};
    CHECK(again(policy, c.method, end) == c.want);
  }
  Retries declared;
  declared.on = Retries::reset;
  declared.methods = {"POST"};
  CHECK(again(declared, "POST", {&broke, nullptr, false}) == Again::later);
  CHECK(again(declared, "GET", {&broke, nullptr, false}) == Again::no);
}

TEST_CASE("an application that breaks off on the far node is one that broke off") {
  Retries policy;
  policy.on = Retries::reset;
  for (auto [reason, want] :
       {std::pair{"reset", Again::later}, {"closed; service=web", Again::later}, {"stalled", Again::no}}) {
    CAPTURE(reason);
    Response r = status(502);
    r.head.add("x-meshd-error", reason);
    CHECK(again(policy, "GET", {nullptr, &r, false}) == want);
    CHECK(again(policy, "POST", {nullptr, &r, false}) == Again::no);  // it may have been done
  }
}

TEST_CASE("the wait before a retry: jitter under a bound that doubles, or what the server asks for") {
  FastRandom random(7);
  Retries policy;
  Response r = status(503);
  for (uint32_t n : {0u, 1u, 2u, 10u, 40u}) {
    int64_t bound = n == 0 ? 25 : n == 1 ? 50 : n == 2 ? 100 : 250, most = 0, least = 1000;
    for (int i = 0; i < 2000; ++i) {
      int64_t ms = backoff(policy, n, {nullptr, &r, false}, random).count();
      most = std::max(most, ms);
      least = std::min(least, ms);
    }
    CHECK(most == bound);
    CHECK(least == 0);
  }
  r.head.add("retry-after", "2");
  CHECK(backoff(policy, 0, {nullptr, &r, false}, random) == milliseconds(2000));
}

TEST_CASE("retries stay under their share of the requests, and a quiet service has a few") {
  RetryBudget budget;
  int made = 0;
  const int requests = 20'000;
  for (int i = 0; i < requests; ++i) {
    Instant now = at(i / 2000.0);
    budget.request(now);
    for (int n = 0; n < 2; ++n) made += budget.take(200, now);
  }
  CHECK(made <= requests / 5);
  CHECK(made > requests / 5 - requests / 100);

  RetryBudget quiet;
  quiet.request(at(0));
  CHECK(quiet.take(200, at(0)));
  CHECK(quiet.take(200, at(1)));
  CHECK(quiet.take(200, at(2)));
  CHECK_FALSE(quiet.take(200, at(3)));
  CHECK(quiet.take(200, at(20)));  // what was long ago does not count
}

TEST_CASE("an endpoint is ejected after failures in a row, probed once, and back after a success") {
  ServiceEntry service;
  model::Breaker breaker{3, milliseconds(1000), 500};
  service.breaker = &breaker;
  for (uint64_t i = 1; i <= 4; ++i) {
    Endpoint e;
    e.id = EndpointId{i};
    e.service = &service;
    service.endpoints.push_back(e);
  }
  EndpointStates states;
  auto fail_times = [&](size_t i, int times, double when) {
    bool out = false;
    for (int n = 0; n < times; ++n) out = note_result(states, service.endpoints[i], true, at(when));
    return out;
  };
  CHECK_FALSE(fail_times(0, 2, 0));
  note_result(states, service.endpoints[0], false, at(0));  // not in a row
  CHECK_FALSE(fail_times(0, 2, 0));
  CHECK(fail_times(0, 1, 0));
  EndpointState& s = states.of(EndpointId{1});
  CHECK_FALSE(s.usable(at(0.9)));
  CHECK(s.usable(at(1.1)));
  s.taken(at(1.1));
  CHECK_FALSE(s.usable(at(1.1)));  // one tries it, the others wait
  CHECK(fail_times(0, 1, 1.2));    // out again, for longer
  s.left();
  CHECK_FALSE(s.usable(at(3.1)));
  CHECK(s.usable(at(3.3)));
  s.taken(at(3.3));
  note_result(states, service.endpoints[0], false, at(3.4));
  s.left();
  CHECK(s.usable(at(3.4)));
  CHECK_FALSE(fail_times(0, 2, 3.5));

  CHECK(fail_times(1, 3, 10));
  CHECK(fail_times(2, 3, 10));
  CHECK_FALSE(fail_times(3, 30, 10));  // half of them are out
  CHECK(states.of(EndpointId{4}).usable(at(10)));
}

TEST_CASE("an endpoint is ejected when too few of its last results are good, once there are enough of them") {
  ServiceEntry service;
  model::Breaker breaker{.consecutive_errors = 0,
                         .eject = milliseconds(1000),
                         .rate_below_permille = 800,
                         .rate_over = milliseconds(10'000),
                         .rate_requests_min = 20};
  service.breaker = &breaker;
  for (uint64_t i = 1; i <= 2; ++i) {
    Endpoint e;
    e.id = EndpointId{i};
    e.service = &service;
    service.endpoints.push_back(e);
  }
  EndpointStates states;
  const Endpoint& e = service.endpoints[0];
  EndpointState& s = states.of(e.id);
  auto results = [&](int good, int bad, double when) {
    bool out = false;
    for (int i = 0; i < good; ++i) out |= note_result(states, e, false, at(when));
    for (int i = 0; i < bad; ++i) out |= note_result(states, e, true, at(when));
    return out;
  };
  CHECK_FALSE(results(0, 19, 0));    // all bad, but too few to conclude from
  CHECK_FALSE(results(0, 19, 20));   // the first ones are too old
  CHECK_FALSE(results(80, 19, 31));  // 80 of 99
  CHECK_FALSE(results(4, 1, 31.6));
  CHECK(results(0, 10, 31.7));  // below 80 %
  CHECK_FALSE(s.usable(at(31.8)));
  CHECK_FALSE(results(100, 0, 31.9));  // what was under way says nothing new
  CHECK_FALSE(s.usable(at(31.9)));
  CHECK(s.usable(at(32.8)));
  s.taken(at(32.8));
  CHECK_FALSE(s.usable(at(32.8)));
  results(1, 0, 32.9);
  s.left();
  CHECK(s.usable(at(32.9)));
  CHECK_FALSE(results(0, 18, 33));  // it begins anew
  CHECK(results(0, 2, 33));
  for (int i = 0; i < 30; ++i)
    CHECK_FALSE(note_result(states, service.endpoints[1], true, at(33)));  // half are out
}

// Gives pieces as the test hands them over.
struct Source final : Body {
  Op<Result<Chunk>> next;
  std::optional<Error> closed;
  Await<Result<Chunk>> pull() override { return next; }
  void close(Error why) override { closed = why; }
};

Task<void> read(Body& body, std::string& out, std::optional<Error>& error) {
  for (;;) {
    auto piece = co_await body.pull();
    if (!piece) {
      error = piece.error();
      co_return;
    }
    if (piece->empty()) {
      out += '.';
      co_return;
    }
    out += piece->view();
  }
}

struct Replayed {
  Loop loop;
  Source* source = new Source;
  LocalPtr<Replay> replay{new Replay(std::unique_ptr<Body>(source))};
  void settle() {
    for (int i = 0; i < 10; ++i) {
      bool posted = false;
      loop.post([&] { posted = true; });
      loop.run_until([&] { return posted; });
    }
  }
  void give(std::string_view text) {
    source->next.complete(Chunk::copy(text));
    settle();
  }
};

TEST_CASE(
    "content that went out is given again from its start, also while the next piece is still waited for") {
  Replayed r;
  std::string first, second;
  std::optional<Error> first_error, second_error;
  std::unique_ptr<Body> a = r.replay->reader();
  spawn(read(*a, first, first_error));
  r.settle();
  r.give("one ");
  r.give("two ");
  CHECK(first == "one two ");
  std::unique_ptr<Body> b = r.replay->reader();  // the try failed while its third piece was under way
  spawn(read(*b, second, second_error));
  r.settle();
  CHECK(first_error->code == Errc::cancelled);
  CHECK(second == "one two ");
  r.give("three");
  r.give("");
  CHECK(second == "one two three.");
  CHECK_FALSE(r.source->closed);
  a.reset();
  b.reset();
}

TEST_CASE("content beyond the bound is sent once") {
  Replayed r;
  std::string got;
  std::optional<Error> error;
  std::unique_ptr<Body> a = r.replay->reader();
  spawn(read(*a, got, error));
  r.settle();
  std::string piece(30 * 1024, 'x');
  r.give(piece);
  r.give(piece);
  CHECK(r.replay->possible());
  r.give(piece);
  CHECK_FALSE(r.replay->possible());
  r.give("");
  CHECK(got.size() == 3 * piece.size() + 1);
}

TEST_CASE("content whose source fails is not tried again") {
  Replayed r;
  std::string got;
  std::optional<Error> error;
  std::unique_ptr<Body> a = r.replay->reader();
  spawn(read(*a, got, error));
  r.settle();
  r.source->next.complete(fail(Errc::reset, Side::client, "gone"));
  r.settle();
  CHECK(error->side == Side::client);
  CHECK_FALSE(r.replay->possible());
}

}  // namespace
}  // namespace meshd
