// SPDX-License-Identifier: Apache-2.0
#include "control/figures.h"

#include <catch2/catch_test_macros.hpp>

#include "telemetry/golden.h"

namespace meshd {

TEST_CASE("guards are read, and what is none is named") {
  auto guards = parse_guards("success>=99.5%  p99<=200ms p50<1s");
  REQUIRE(guards);
  REQUIRE(guards->size() == 3);
  CHECK((*guards)[0].bound == 99.5);
  CHECK((*guards)[1].bound == 0.2);
  CHECK((*guards)[2].compare == Guard::below);
  CHECK(parse_guards("")->empty());
  for (const char* wrong :
       {"success", "success>=99", "success>=101%", "p98<=1s", "p99<=200", "p99=1s", "errors<1%"}) {
    INFO(wrong);
    auto no = parse_guards(wrong);
    REQUIRE(!no);
    CHECK(no.error().what.find("'" + std::string(wrong) + "'") == 0);
  }
}

TEST_CASE("a guard is broken by its figure and says which, of how many") {
  Figures f{1000, 11, {}};
  f.steps.resize(LogLinear::step_of(100'000) + 1);
  f.steps[LogLinear::step_of(10'000)] = 980;
  f.steps[LogLinear::step_of(100'000)] = 20;
  CHECK(!broken(*parse_guards("success>=98.9% p50<=11ms p99>90ms"), f));
  CHECK(*broken(*parse_guards("p50<=20ms success>=99%"), f) ==
        "success>=99%: success was 98.90% of 1000 requests");
  CHECK(broken(*parse_guards("p99<=50ms"), f)->starts_with("p99<=50ms: p99 was 10"));
  CHECK(!broken(*parse_guards("success>=99% p99<=1ms"), {}));
}

TEST_CASE("an arm's figures come from what loops count, go over the wire, and are told between two moments") {
  MetricsRegistry registry;
  GoldenMetrics golden(registry);
  ArmSeries& arm = golden.arm("web", "version=v2");
  golden.arm("other", "version=v2").record(true, 1);
  for (int i = 0; i < 9; ++i) arm.record(false, 5'000'000);
  Figures before = arm_figures(registry.snapshot(), {"web"}).at({"web", "version=v2"});
  arm.record(true, 500'000'000);
  ArmFigures now = arm_figures(registry.snapshot(), {"web"});
  REQUIRE(now.size() == 1);
  Figures seen = figures_of(figures_json(now.begin()->second));
  CHECK(seen.requests == 10);
  CHECK(seen.failures == 1);
  CHECK(seen.success_percent() == 90);
  CHECK(seen.quantile_seconds(0.5) < 0.006);
  Figures since = seen.since(before);
  CHECK(since.requests == 1);
  CHECK(since.failures == 1);
  CHECK(since.quantile_seconds(0.5) > 0.4);
}

TEST_CASE("hostile figures are bounded") {
  auto j =
      parse_json(R"({"requests":-5,"failures":"x","steps":[[999999999,1],[-1,2],[3,-1],[1],"a",[2,7]]})");
  Figures f = figures_of(*j);
  CHECK(f.requests == 0);
  CHECK(f.steps.size() == 3);
  CHECK(f.steps[2] == 7);
}

}  // namespace meshd
