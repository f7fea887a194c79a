// SPDX-License-Identifier: Apache-2.0
#include "control/clock_keeper.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <optional>

#include "base/file.h"
#include "control/identities.h"
#include "control/test_mesh.h"
#include "net/pipe.h"
#include "tls/tls_stream.h"

namespace meshd {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using Made = Result<std::unique_ptr<TlsStream>>;

Task<void> connect(std::unique_ptr<ByteStream> lower, std::shared_ptr<const TlsContext> tls,
                   std::optional<Made>& out) {
  out = co_await tls_connect(std::move(lower), std::move(tls), {});
}
Task<void> accept(std::unique_ptr<ByteStream> lower, std::shared_ptr<const TlsContext> tls,
                  std::optional<Made>& out) {
  out = co_await tls_accept(std::move(lower), std::move(tls), {});
}

// The server's clock is right; the node's is what a test makes of it.
struct Skewed {
  FakeClock right, clock;
  TestMesh mesh{right.unix_now()};
  Loop loop;
  ClockKeeper time{clock, mesh.dir / "clock"};
  std::unique_ptr<Identities> identities;
  int asked = 0;

  explicit Skewed(int64_t skew) { clock.set_unix(right.unix_now() + skew); }
  ~Skewed() {
    if (identities) identities->stop();
    loop.run_until([&] { return loop.tasks() == 0; });
  }
  void begin() {
    time.load();
    identities = std::move(*Identities::load(mesh.state, mesh.node, time));
    identities->start([this](Json body) -> Task<Outcome<Json>> { return answer(std::move(body)); },
                      [](const NodeTls&) {});
  }
  Task<Outcome<Json>> answer(Json body) {
    ++asked;
    co_return mesh.answer(body, right.unix_now());
  }
  void pass(nanoseconds d) {
    right.advance(d);
    clock.advance(d);
  }
  // Renews what is due; the answer is there afterwards.
  void look() {
    int before = asked;
    identities->clock_moved();
    loop.run_until([&] { return asked > before && loop.tasks() == 0; });
  }
  Identities::State node() const { return identities->states().front(); }

  // A handshake of this node with another whose clock is right, in both directions; why the last one failed, or empty.
  std::string meets() {
    TlsSettings s;
    s.identities = {mesh.certify(node_id("t.mesh", "n2"), right.unix_now())};
    s.bundle = mesh.authority.bundle();
    s.alpn = {"h2"};
    s.clock = &right;
    auto client = *TlsContext::client(s), server = *TlsContext::server(s);
    std::string why = shake(identities->tls().client, server);
    return why.empty() ? shake(client, identities->tls().server) : why;
  }
  std::string shake(std::shared_ptr<const TlsContext> from, std::shared_ptr<const TlsContext> to) {
    PipePair pipe = make_pipe();
    std::optional<Made> a, b;
    spawn(connect(std::move(pipe.a), std::move(from), a));
    spawn(accept(std::move(pipe.b), std::move(to), b));
    loop.run_until([&] { return a && b; });
    return !*a ? a->error().why : !*b ? b->error().why : "";
  }
};

}  // namespace

TEST_CASE("a minute of skew harms nothing: handshakes and renewals over three days", "[clock]") {
  for (int64_t skew : {-60, 0, 60}) {
    Skewed f(skew);
    f.begin();
    for (int hour = 0; hour < 72; ++hour) {
      f.pass(hours(1));
      if (f.node().next_try <= f.time.clock().unix_now()) f.look();
      CAPTURE(skew, hour, f.node().problem);
      CHECK(f.node().problem.empty());
      CHECK(f.meets().empty());
    }
    CHECK(f.asked >= 4);
    CHECK(f.time.refusal().empty());
  }
}

TEST_CASE("beyond five minutes nothing is renewed, with the reason; what is there ends in its time",
          "[clock]") {
  for (int64_t skew : {-600, 600}) {
    Skewed f(skew);
    f.begin();
    std::string serial = f.node().serial;
    f.pass(hours(15));
    f.look();
    CAPTURE(skew);
    CHECK(f.node().serial == serial);
    CHECK(f.node().problem.find(std::to_string(skew) + " s; set it right") != std::string::npos);
    CHECK(f.time.refusal() == f.node().problem);
    CHECK(f.meets().empty());
    f.pass(hours(10));
    CHECK(f.meets().find("expired") != std::string::npos);

    // Set right, it comes back by itself.
    f.clock.set_unix(f.right.unix_now());
    f.look();
    CHECK(f.node().problem.empty());
    CHECK(f.meets().empty());
  }
}

TEST_CASE("a step back revives nothing, in this run and in the next", "[clock]") {
  Skewed f(0);
  f.begin();
  f.time.told(f.right.unix_now());
  f.pass(hours(25));
  f.time.save();
  REQUIRE(f.node().state == CertState::expired);
  f.clock.set_unix(f.right.unix_now() - 20 * 3600);
  CHECK(f.node().state == CertState::expired);
  CHECK(f.meets().find("expired") != std::string::npos);

  ClockKeeper next(f.clock, f.mesh.dir / "clock");
  next.load();
  auto again = Identities::load(f.mesh.state, f.mesh.node, next);
  REQUIRE(again);
  CHECK((*again)->states().front().state == CertState::expired);
}

TEST_CASE("without a server, what was seen to end stays so when the clock steps back", "[clock]") {
  Skewed f(0);
  f.begin();
  f.pass(hours(25));
  f.look();  // sees what has ended, and gets a new one
  f.clock.set_unix(f.right.unix_now() - 10 * 3600);
  CHECK(f.time.clock().unix_now() >= f.right.unix_now() - 3600);
}

TEST_CASE("a board without a clock takes the time it last knew, then the server's, for a day at most",
          "[clock]") {
  Skewed f(0);
  f.time.told(f.right.unix_now());
  f.time.save();
  // Off for ten hours, then on again in 1970. Its certificate is good still, the server's begins in its future.
  f.right.advance(hours(10));
  f.clock.set_unix(1000);
  ClockKeeper time(f.clock, f.mesh.dir / "clock");
  time.load();
  auto identities = std::move(*Identities::load(f.mesh.state, f.mesh.node, time));
  CHECK(time.in_grace());
  CHECK(time.lost());
  CHECK(time.refusal().empty());
  f.identities = std::move(identities);
  CHECK(f.meets().empty());

  time.told(f.right.unix_now());
  CHECK_FALSE(time.lost());
  CHECK(std::abs(time.clock().unix_now() - f.right.unix_now()) <= 5);
  CHECK(time.refusal().empty());
  // Nobody sets it for a day: then it says so and renews no more.
  f.pass(hours(25));
  CHECK_FALSE(time.in_grace());
  CHECK(time.refusal().find("not been set") != std::string::npos);
  // Set, all is well.
  f.clock.set_unix(f.right.unix_now());
  time.told(f.right.unix_now());
  CHECK(time.refusal().empty());
  f.identities.reset();
}

TEST_CASE("a damaged file of the time is as good as none, a far server is not believed", "[clock]") {
  Skewed f(0);
  REQUIRE(write_file(f.mesh.dir / "clock", "2026-13-45T99:00:00Z\n"));
  f.begin();
  CHECK(f.time.clock().unix_now() == f.clock.unix_now());
  UnixSeconds before = f.clock.unix_now();
  f.time.told(before + 10LL * 365 * 86'400);
  CHECK(f.time.clock().unix_now() == before);
  CHECK_FALSE(f.time.refusal().empty());
  f.time.told(before + 2);
  CHECK(f.time.refusal().empty());
}

TEST_CASE("a server's own clock is compared with nobody's", "[clock]") {
  FakeClock clock;
  ClockKeeper time(clock, {}, true);
  time.load();
  time.told(clock.unix_now());
  UnixSeconds before = clock.unix_now();
  clock.set_unix(before + 20LL * 365 * 86'400);
  time.told(clock.unix_now());
  clock.set_unix(before);
  CHECK(time.clock().unix_now() == before);
  CHECK(time.refusal().empty());
}

}  // namespace meshd
