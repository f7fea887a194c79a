// SPDX-License-Identifier: Apache-2.0
#include "control/agent.h"

#include <catch2/catch_test_macros.hpp>

#include "control/test_mesh.h"
#include "http/h2_service.h"
#include "http/server_group.h"
#include "net/listener.h"
#include "net/tcp_stream.h"
#include "tls/tls_stream.h"

namespace meshd {
namespace {

constexpr const char* kWeb = "  web: { instances: [{ node: n1, port: 80 }] }\n";

// A server whose side of the sync call the test speaks itself.
struct Server final : Service {
  std::shared_ptr<const TlsContext> tls;
  std::unique_ptr<Listener> listener;
  ServerGroup group;
  std::vector<Json> heard;  // lines of all sessions
  std::unique_ptr<LineSender> out;
  int sessions = 0;

  Server(const TestMesh& mesh, UnixSeconds now, SpiffeId id) {
    TlsSettings settings;
    settings.identities = {mesh.certify(id, now)};
    settings.bundle = mesh.authority.bundle();
    settings.alpn = {"h2"};
    tls = *TlsContext::server(std::move(settings));
    listener =
        std::move(*Listener::open(*SocketAddress::parse("127.0.0.1:0"),
                                  [this](std::unique_ptr<TcpStream> s) { spawn(serve(std::move(s))); }));
  }
  Task<void> serve(std::unique_ptr<TcpStream> tcp) {
    auto stream = co_await tls_accept(std::unique_ptr<ByteStream>(std::move(tcp)), tls);
    if (!stream) co_return;
    H2ServerOptions options{.h2 = H2Options::mesh()};
    Task<void> served = serve_h2(std::unique_ptr<ByteStream>(std::move(*stream)), *this, group, options);
    co_await served;
  }
  Task<Result<Response>> call(Request& request) override {
    CHECK(request.head.path() == "/v1/sync");
    ++sessions;
    out = std::make_unique<LineSender>();
    spawn(listen(std::move(request.body)));
    Response response;
    response.head.status = 200;
    response.body = out->body();
    co_return response;
  }
  Task<void> listen(std::unique_ptr<Body> body) {
    LineReader lines(*body);
    for (;;) {
      auto line = co_await lines.next();
      if (!line) co_return;
      heard.push_back(*parse_json(*line));
    }
  }

  void send_all(const SealedSnapshot& s, std::string sha256) {
    begin(s.stored.revision.value, 0, sha256);
    for (const Object& o : s.stored.objects)
      out->send_line(R"({"type":"object","object":)" + encode_object(o) + "}");
    commit(s.stored.revision.value);
  }
  void begin(uint64_t revision, uint64_t base, const std::string& sha256) {
    out->send_line(R"({"type":"snapshot","revision":)" + std::to_string(revision) + R"(,"base":)" +
                   std::to_string(base) + R"(,"sha256":")" + sha256 + "\"}");
  }
  void commit(uint64_t revision) {
    out->send_line(R"({"type":"commit","revision":)" + std::to_string(revision) + "}");
  }
  const Json* last(std::string_view type) const {
    for (auto j = heard.rbegin(); j != heard.rend(); ++j)
      if (text_of(*j, "type") == type) return &*j;
    return nullptr;
  }
  size_t count(std::string_view type) const {
    return static_cast<size_t>(
        std::count_if(heard.begin(), heard.end(), [&](const Json& j) { return text_of(j, "type") == type; }));
  }
};

struct Fixture {
  FakeClock frozen;  // for the agent's own times
  UnixSeconds now = Clock::system().unix_now();
  TestMesh mesh{now};
  Loop loop;
  std::unique_ptr<Server> server;
  std::shared_ptr<const TlsContext> tls;
  std::vector<SnapshotPtr> swapped;
  DownEndpoints down;
  LiveConfig live{LastGood(mesh.dir / "snapshot"),
                  [this](SnapshotPtr s, std::function<void(std::vector<ListenProblem>)> done) {
                    swapped.push_back(std::move(s));
                    loop.post([done = std::move(done)] { done({}); });
                  },
                  Clock::system()};
  HealthView health{[this](std::shared_ptr<const DownEndpoints> d) { down = *d; }};
  FakeClock times;  // of the trial
  Trial trial{mesh.dir / "", times};
  MetricsCopy metrics;
  int collected = 0;
  ClockKeeper time{Clock::system()};
  std::unique_ptr<Identities> identities;
  std::unique_ptr<Agent> agent;

  explicit Fixture(SpiffeId shown = server_id("t.mesh", "n1")) {
    server = std::make_unique<Server>(mesh, now, shown);
    mesh.node.control = server->listener->local().text();
    TlsSettings settings;
    settings.identities = {*load_identity(mesh.state, kNodeIdentity)};
    settings.bundle = mesh.authority.bundle();
    settings.alpn = {"h2"};
    tls = *TlsContext::client(std::move(settings));
    identities = std::move(*Identities::load(mesh.state, mesh.node, time));
    agent =
        std::make_unique<Agent>(Agent::Parts{.node = mesh.node,
                                             .version = "1",
                                             .tls = [this] { return tls; },
                                             .live = live,
                                             .health = health,
                                             .status = [] { return Json(JsonObject{{"node", json("n1")}}); },
                                             .collect =
                                                 [this](std::function<void(MetricsCopy)> done) {
                                                   ++collected;
                                                   done(metrics);
                                                 },
                                             .trial = &trial,
                                             .identities = *identities,
                                             .time = time});
    REQUIRE(agent->start());
  }
  ~Fixture() {
    agent->stop();
    server->out.reset();
    server->listener->close();
    server->group.close_all({Errc::cancelled, Side::self, "test over"});
    loop.run_until([&] { return loop.tasks() == 0; });
  }
  void until(const std::function<bool()>& done) { loop.run_until(done); }
};

}  // namespace

TEST_CASE("the agent says what it has, takes what it gets, and acknowledges when it is in use") {
  Fixture f;
  f.until([&] { return f.server->last("hello") != nullptr && f.agent->state().connected; });
  CHECK(int_of(*f.server->last("hello"), "revision") == 0);
  CHECK(text_of(*f.server->last("hello"), "sha256").empty());
  CHECK(text_of(*f.server->last("hello"), "address") == "127.0.0.1");

  SealedSnapshot one = seal({Revision{1}, objects_of(kWeb)});
  f.server->send_all(one, one.sha256);
  f.until([&] { return f.server->last("ack") != nullptr; });
  CHECK(int_of(*f.server->last("ack"), "revision") == 1);
  CHECK(f.live.snapshot()->service("web") != nullptr);

  // A change: only what differs.
  SealedSnapshot two = seal({Revision{2}, objects_of("  web: { instances: [{ node: n1, port: 81 }] }\n")});
  Delta delta = diff(one.stored.objects, two.stored.objects);
  f.server->begin(2, 1, two.sha256);
  for (const Object& o : delta.changed)
    f.server->out->send_line(R"({"type":"object","object":)" + encode_object(o) + "}");
  for (const ObjectKey& k : delta.removed)
    f.server->out->send_line(R"({"type":"remove","kind":")" + k.kind + R"(","name":")" + k.name + "\"}");
  f.server->commit(2);
  f.until([&] { return f.server->count("ack") == 2; });
  CHECK(f.live.sealed().sha256 == two.sha256);
  CHECK(f.live.snapshot()->service("web")->endpoints[0].port == 81);
}

TEST_CASE("a snapshot whose checksum does not fit is refused, and everything is asked for anew") {
  Fixture f;
  f.until([&] { return f.agent->state().connected; });
  SealedSnapshot one = seal({Revision{1}, objects_of(kWeb)});
  f.server->send_all(one, std::string(64, '0'));
  f.until([&] { return f.server->sessions == 2 && f.server->count("hello") == 2; });
  REQUIRE(f.server->last("nack"));
  CHECK(text_of(*f.server->last("nack"), "error").find("checksum") != std::string::npos);
  CHECK(f.swapped.empty());
  CHECK(int_of(*f.server->last("hello"), "revision") == 0);
  CHECK_FALSE(f.agent->state().refused.empty());
}

TEST_CASE("health goes both ways, pings are answered with the status and measure the clocks") {
  Fixture f;
  f.until([&] { return f.agent->state().connected && f.server->last("health") != nullptr; });
  EndpointId mine{7};
  f.health.set_checked({{mine, {.known = true, .down = true, .reason = "http 500"}}});
  f.agent->health_changed();
  f.until([&] { return f.server->count("health") == 2; });
  CHECK(down_from_json(member(*f.server->last("health"), "down")) == DownEndpoints{{mine, "http 500"}});

  f.server->out->send_line(R"({"type":"health","down":{"0000000000000009":"node n2 is away"}})");
  f.server->out->send_line(R"({"type":"something new"})");
  f.server->out->send_line(R"({"type":"ping","time":)" + std::to_string(f.now - 40) + "}");
  f.until([&] { return f.server->last("status") != nullptr; });
  CHECK(text_of(*f.server->last("status"), "node") == "n1");
  CHECK(f.down.contains(EndpointId{9}));
  CHECK(f.time.skew().value_or(0) >= 40);
  // No time that a server may say is beyond arithmetic.
  f.server->out->send_line(R"({"type":"ping","time":-9223372036854775808})");
  f.until([&] { return f.time.skew().value_or(0) >= f.now; });
}

TEST_CASE("a server that goes away is looked for until it is back, and the node keeps what it has") {
  Fixture f;
  f.until([&] { return f.agent->state().connected; });
  SealedSnapshot one = seal({Revision{1}, objects_of(kWeb)});
  f.server->send_all(one, one.sha256);
  f.until([&] { return f.server->last("ack") != nullptr; });
  f.server->group.close_all({Errc::reset, Side::self, "crash"});
  f.until([&] { return !f.agent->state().connected; });
  CHECK_FALSE(f.agent->state().problem.empty());
  CHECK(f.live.snapshot() != nullptr);
  f.until([&] { return f.server->count("hello") == 2 && f.agent->state().connected; });
  CHECK(int_of(*f.server->last("hello"), "revision") == 1);
  CHECK(text_of(*f.server->last("hello"), "sha256") == one.sha256);
}

TEST_CASE("a node of the same mesh cannot play the server") {
  Fixture f(node_id("t.mesh", "n2"));
  f.until([&] { return f.agent->state().problem.find("is not ours") != std::string::npos; });
  CHECK(f.server->sessions == 0);
}

TEST_CASE("pauses between tries grow, differ, and have an end") {
  CHECK(reconnect_pause(0, 0) == milliseconds(100));
  CHECK(reconnect_pause(3, 0) == milliseconds(800));
  CHECK(reconnect_pause(1000, 0) == milliseconds(5'000));
  CHECK(reconnect_pause(1000, 0.999) >= milliseconds(2'500));
}

namespace {

// The node acts on 1 and tries 2, which must be confirmed in 60 s.
struct OnTrial : Fixture {
  SealedSnapshot one = seal({Revision{1}, objects_of(kWeb)});
  SealedSnapshot two = seal({Revision{2}, objects_of("  web: { instances: [{ node: n1, port: 81 }] }\n")});
  explicit OnTrial(const std::string& guard = "") {
    until([&] { return agent->state().connected; });
    server->send_all(one, one.sha256);
    until([&] { return server->last("ack") != nullptr; });
    server->out->send_line(R"({"type":"trial","revision":2,"before":1,"seconds_left":60,"guard":")" + guard +
                           R"(","min_requests":10})");
    server->send_all(two, two.sha256);
    until([&] { return int_of(*server->last("ack"), "revision") == 2; });
    CHECK(trial.active());
  }
  void answered(const char* code, int64_t requests) {
    MetricCopy m;
    m.spec.name = "meshd_requests_total";
    m.series = {{{"outbound", "web", "web", "", code}, false, requests, {}}};
    metrics.metrics = {m};
  }
  bool on(const SealedSnapshot& s) const { return live.sealed().sha256 == s.sha256; }
};

}  // namespace

TEST_CASE("a guard that breaks sends the agent back, and it says so") {
  OnTrial t("success>=99%");
  t.answered("500", 1'000);  // before it began
  t.until([&] { return t.collected == 1; });
  CHECK(t.on(t.two));
  t.answered("500", 1'020);
  t.until([&] { return t.server->last("back") != nullptr; });
  CHECK(t.on(t.one));
  CHECK(!t.trial.active());
  CHECK(int_of(*t.server->last("back"), "revision") == 2);
  CHECK(text_of(*t.server->last("back"), "sha256") == t.one.sha256);
  CHECK(text_of(*t.server->last("back"), "why") == "success>=99%: success was 0.00% of 20 requests");
}

TEST_CASE(
    "an agent that lost the server goes back, blames nobody, and says what it has when it is there again") {
  OnTrial t;
  t.times.advance(kSilenceMax);
  t.until([&] { return t.server->sessions == 2 && t.server->count("hello") == 2; });
  CHECK(t.on(t.one));
  CHECK(int_of(*t.server->last("hello"), "revision") == 1);
  CHECK(t.server->last("back") == nullptr);
  CHECK(text_of(t.trial.last_return(), "why").find("the server is lost") == 0);
}

TEST_CASE("a confirmed revision stays with the agent") {
  OnTrial t;
  t.server->out->send_line(R"({"type":"trial","revision":2,"confirmed":true})");
  t.until([&] { return !t.trial.active(); });
  t.times.advance(std::chrono::hours(1));
  t.until([&] { return !exists(t.mesh.dir / "trial.json"); });
  CHECK(t.on(t.two));
  CHECK(t.server->last("back") == nullptr);
}

}  // namespace meshd
