// SPDX-License-Identifier: Apache-2.0
#include "control/limit_shares.h"

#include <catch2/catch_test_macros.hpp>
#include <deque>

#include "base/random.h"
#include "control/limit_leases.h"
#include "snapshot/testing.h"

namespace meshd {
namespace {

SnapshotPtr limited(int nodes, const std::string& limit) {
  std::string yaml =
      "mesh: { name: t, trust_domain: t.mesh }\n"
      "services: { web: { listen: 9001, instances: [{ node: n1, port: 80 }] } }\n"
      "routes: [{ name: r, service: web, rate_limit: " +
      limit + " }]\n";
  return testing::snapshot_of(yaml, nodes);
}

// Nodes and a server, with lines that take their time, or are lost; a step is a millisecond.
struct Net {
  struct Line {
    Instant due;
    bool down;
    size_t node;
    Json line;
  };
  struct NodeSim {
    std::shared_ptr<RateBudgets> budgets = std::make_shared<RateBudgets>();
    std::unique_ptr<LimitLeases> leases;
    double load = 0, owed = 0;
    bool cut = false;
    uint64_t passed = 0;
    int phase = 0;
    Instant due[2];  // of the newest line each way: streams keep their order
  };
  Loop loop;
  FakeClock clock;
  SnapshotPtr snapshot;
  std::unique_ptr<LimitShares> server;
  std::vector<std::unique_ptr<NodeSim>> nodes;
  std::deque<Line> lines;
  FastRandom random{7};
  uint32_t delay_ms_max = 10;
  std::string key;
  double most_in_use = 0;

  Net(int count, const std::string& limit) : snapshot(limited(count, limit)) {
    clock.advance(std::chrono::hours(1));
    boot();
    for (int i = 0; i < count; ++i) {
      auto node = std::make_unique<NodeSim>();
      node->leases = std::make_unique<LimitLeases>(node->budgets, clock, [this, i](const Json& line) {
        auto n = static_cast<size_t>(i);
        if (server && !nodes[n]->cut) lines.push_back({later(n, false), false, n, line});
      });
      node->phase = static_cast<int>(random.below(200));
      nodes.push_back(std::move(node));
      nodes.back()->leases->follow(snapshot);
    }
  }
  ~Net() {
    for (auto& node : nodes) node->leases->stop();
  }
  void boot() {
    server = std::make_unique<LimitShares>(clock.now());
    server->follow(snapshot);
  }
  Instant later(size_t node, bool down) {
    Instant& due = nodes[node]->due[down];
    return due = std::max(due, clock.now() + milliseconds(1 + random.below(delay_ms_max)));
  }
  const Route& route() { return *snapshot->services[0]->routes.data(); }
  const model::RateLimit& limit() { return *route().rate_limit; }
  double equal() { return share_otherwise(limit(), *snapshot); }
  double in_use(NodeSim& node) {
    return node.budgets->of(limit_name(route()) + key, clock.now())->share(equal(), clock.now());
  }
  void run(milliseconds how_long) {
    for (int64_t t = 0; t < how_long.count(); ++t) {
      clock.advance(milliseconds(1));
      for (size_t i = 0; i < lines.size();) {
        if (lines[i].due > clock.now()) {
          ++i;
          continue;
        }
        Line line = std::move(lines[i]);
        lines.erase(lines.begin() + static_cast<long>(i));
        if (nodes[line.node]->cut) continue;
        if (line.down) {
          nodes[line.node]->leases->granted(line.line);
        } else if (server) {
          if (auto answer = server->report("n" + std::to_string(line.node + 1), line.line, clock.now()))
            lines.push_back({later(line.node, true), true, line.node, *answer});
        }
      }
      double sum = 0;
      for (auto& node : nodes) {
        if ((clock.now().ns / 1'000'000 + node->phase) % kLeaseInterval.count() == 0) node->leases->tick();
        for (node->owed += node->load / 1000; node->owed >= 1; node->owed -= 1)
          node->passed += !node->budgets->take(limit_name(route()) + key, limit(), equal(), clock.now());
        sum += in_use(*node);
      }
      most_in_use = std::max(most_in_use, sum);
    }
  }
  uint64_t pass(milliseconds how_long) {
    uint64_t before = 0, after = 0;
    for (auto& node : nodes) before += node->passed;
    run(how_long);
    for (auto& node : nodes) after += node->passed;
    return after - before;
  }
  void load(std::vector<double> each) {
    for (size_t i = 0; i < nodes.size(); ++i) nodes[i]->load = each[i];
  }
};

constexpr const char* k500 = "{ rate: 500/s, burst: 50, scope: mesh }";
using std::chrono::seconds;

TEST_CASE("a limit of the mesh is held, and used, where load is uneven, moves, and loses its server") {
  Net net(3, k500);
  net.load({800, 150, 50});
  uint64_t first = net.pass(seconds(10));
  CHECK(first <= 5000 + 50 + 3);
  CHECK(first >= 4500 * 8 / 10);  // two seconds of a new server, and then nearly all
  uint64_t passed = net.pass(seconds(10));
  CHECK(passed <= 5050);
  CHECK(passed >= 4750);
  CHECK(net.in_use(*net.nodes[0]) > 0.7);
  CHECK(net.in_use(*net.nodes[2]) < 0.1);

  net.load({100, 150, 850});
  passed = net.pass(seconds(10));
  CHECK(passed <= 5050);
  CHECK(passed >= 4500);

  SECTION("with the server dead each has at most its equal part") {
    net.server.reset();
    passed = net.pass(seconds(10));
    CHECK(passed <= 5050);
    net.run(seconds(5));
    for (auto& node : net.nodes) CHECK(net.in_use(*node) == net.equal());
    net.boot();
    net.run(seconds(6));
    CHECK(net.in_use(*net.nodes[2]) > 0.7);
  }
  SECTION("with one node cut off its part is set aside") {
    net.nodes[2]->cut = true;
    passed = net.pass(seconds(10));
    CHECK(passed <= 5050);
    CHECK(net.in_use(*net.nodes[2]) == net.equal());
    CHECK(net.server->committed("web/r", net.clock.now()) <= kWholeShare);
    net.nodes[2]->cut = false;
    net.run(seconds(5));
    CHECK(net.in_use(*net.nodes[2]) > 0.7);
  }
  SECTION("a server that begins again lends nothing while grants of the one before may hold") {
    net.boot();
    passed = net.pass(seconds(10));
    CHECK(passed <= 5050);
  }
  CHECK(net.most_in_use <= 1.0 + 1e-6);
}

TEST_CASE(
    "what is not wanted by one is there for another, and a whole limit that nobody wants is everybody's") {
  Net net(4, k500);
  net.load({400, 0, 20, 0});
  net.run(seconds(5));
  CHECK(net.pass(seconds(5)) >= 2079);  // nobody is refused
  net.load({0, 0, 0, 0});
  net.run(seconds(8));
  for (auto& node : net.nodes) {
    CHECK(net.in_use(*node) > 0.24);
    CHECK(net.in_use(*node) < 0.26);
  }
  CHECK(net.most_in_use <= 1.0 + 1e-6);
}

TEST_CASE("lines that are slow or lost cost exactness, never the limit") {
  Net net(5, k500);
  net.delay_ms_max = 1500;
  for (int round = 0; round < 30; ++round) {
    std::vector<double> load;
    for (size_t i = 0; i < 5; ++i) {
      load.push_back(net.random.below(400));
      net.nodes[i]->cut = net.random.below(5) == 0;
    }
    net.load(load);
    if (round % 10 == 9) net.boot();
    CHECK(net.pass(seconds(2)) <= 1000 + 50 + 5);
  }
  CHECK(net.most_in_use <= 1.0 + 1e-6);
}

TEST_CASE("a limit with a key is lent key by key; a key may be a secret and is not told") {
  Net net(3, "{ rate: 500/s, burst: 50, scope: mesh, key: { header: x-api-key } }");
  net.key = std::string(1, '\0') + "secret";
  std::vector<std::string> said;
  net.load({900, 100, 0});
  net.run(seconds(6));
  uint64_t passed = net.pass(seconds(10));
  CHECK(passed <= 5050);
  CHECK(passed >= 4500);
  CHECK(net.server->budgets() == 1);
  for (const auto& line : net.lines) CHECK(to_text(line.line).find("secret") == std::string::npos);
  net.load({0, 0, 0});
  net.run(seconds(60));
  CHECK(net.server->budgets() == 0);  // forgotten
  // More keys than are lent: the rest have their equal part.
  for (int i = 0; i < 1000; ++i)
    (void)net.nodes[0]->budgets->take("web/r" + std::string(1, '\0') + std::to_string(i), net.limit(),
                                      net.equal(), net.clock.now());
  net.run(seconds(1));
  CHECK(net.server->budgets() == kLeasedKeysMax);
}

TEST_CASE("nonsense from a node is worth nothing") {
  FakeClock clock;
  LimitShares server(clock.now());
  server.follow(limited(2, k500));
  clock.advance(seconds(10));
  for (const char* text :
       {"{}", R"({"at":"x","limits":[1]})", R"({"at":1,"limits":{"web/r":-5,"web/other":7}})",
        R"({"at":1,"limits":{"web/r":9223372036854775807}})", R"({"acts":-1,"limits":{"":1}})"}) {
    (void)server.report("n1", *parse_json(text), clock.now());
    (void)server.report("n9", *parse_json(text), clock.now());
    CHECK(server.committed("web/r", clock.now()) <= kWholeShare);
    clock.advance(seconds(3));
  }
  CHECK(server.budgets() == 1);
}

TEST_CASE("moving a share makes no requests") {
  RateBudget budget("b");
  model::RateLimit limit{.interval_ns = 10'000'000, .burst = 100, .mesh = true};
  Instant now{1'000'000'000'000};
  int passed = 0;
  for (int round = 0; round < 100; ++round) {
    budget.set_share(limit, round % 2 ? 0.1 : 0.9, now + seconds(1), 1, now);
    for (int i = 0; i < 200; ++i) passed += !budget.take(limit, 1, now);
  }
  CHECK(passed <= 90);
  CHECK(passed >= 89);
}

}  // namespace
}  // namespace meshd
