// SPDX-License-Identifier: Apache-2.0
#include "telemetry/metrics.h"

#include <catch2/catch_test_macros.hpp>

#include "base/limits.h"

namespace meshd {

TEST_CASE("a series is found again by its label values and its reference stays valid") {
  MetricsRegistry registry;
  auto& family = registry.counters({"requests_total", "Requests.", {"service", "code"}});
  Counter& first = family.with({"web", "200"});
  for (int i = 0; i < 5000; ++i) family.with({"web", std::to_string(i + 1000)});
  first.add(3);
  REQUIRE(&family.with({"web", "200"}) == &first);
  REQUIRE(family.with({"web", "200"}).value() == 3);
  // The border between values counts.
  REQUIRE(&family.with({"web2", "00"}) != &family.with({"web", "200"}));
}

TEST_CASE("label sets beyond the limit share one overflow series") {
  MetricsRegistry registry;
  auto& family = registry.counters({"requests_total", "Requests.", {"path"}});
  for (size_t i = 0; i < kSeriesMax + 50; ++i) family.with({"/" + std::to_string(i)}).add();
  REQUIRE(family.size() == kSeriesMax);
  family.with({"/0"}).add();  // those that exist go on as before
  MetricsCopy copy = registry.snapshot();
  REQUIRE(copy.find("requests_total", {"/0"})->value == 2);
  REQUIRE(copy.find("requests_total", {"/" + std::to_string(kSeriesMax)}) == nullptr);
  const SeriesCopy* overflow = nullptr;
  for (const SeriesCopy& s : copy.find("requests_total")->series) overflow = s.overflow ? &s : overflow;
  REQUIRE(overflow != nullptr);
  REQUIRE(overflow->value == 50);
  REQUIRE(expose_prometheus(copy).find("requests_total{overflow=\"true\"} 50\n") != std::string::npos);
}

TEST_CASE("a label value is cut at its limit and a forgotten series is gone") {
  MetricsRegistry registry;
  auto& family = registry.gauges({"expiry", "Expiry.", {"identity"}});
  family.with({std::string(1000, 'x')}).set(5);
  REQUIRE(family.with({std::string(2000, 'x')}).value() == 5);
  REQUIRE(registry.snapshot().metrics[0].series[0].labels[0].size() == kLabelBytesMax);
  family.forget({std::string(3000, 'x')});
  REQUIRE(registry.snapshot().metrics[0].series.empty());
}

TEST_CASE("merging adds counters and histograms up, and gauges as declared") {
  MetricsRegistry loops[2];
  for (int i = 0; i < 2; ++i) {
    loops[i].counters({"c", "C.", {"l"}}).with({"x"}).add(10);
    loops[i].counters({"only", "Own.", {"l"}}).with({i == 0 ? "b" : "a"}).add(1);
    loops[i].gauges({"active", "A.", {}}).with({}).add(i + 1);
    loops[i].gauges({"revision", "R.", {}, GaugeMerge::min}).with({}).set(40 + i);
    loops[i].gauges({"newest", "N.", {}, GaugeMerge::max}).with({}).set(40 + i);
    loops[i].histograms({"h", "H.", {}}).with({}).record(1'000'000);
  }
  MetricsCopy copies[] = {loops[0].snapshot(), loops[1].snapshot()};
  MetricsCopy all = merge(copies);
  REQUIRE(all.find("c", {"x"})->value == 20);
  REQUIRE(all.find("active", {})->value == 3);
  REQUIRE(all.find("revision", {})->value == 40);
  REQUIRE(all.find("newest", {})->value == 41);
  REQUIRE(all.find("h", {})->histogram->count() == 2);
  REQUIRE(all.find("only")->series.size() == 2);
  REQUIRE(all.find("only")->series[0].labels[0] == "a");
  REQUIRE(all.find("nothing") == nullptr);
  MetricsCopy swapped[] = {loops[1].snapshot(), loops[0].snapshot()};
  REQUIRE(expose_prometheus(merge(swapped)) == expose_prometheus(all));
}

TEST_CASE("the Prometheus text is sorted, escaped and complete") {
  MetricsRegistry registry;
  auto& h = registry.histograms({"meshd_seconds", "Time with \\ and\nnewline.", {"service"}});
  h.with({"web"}).record(400'000);         // 0.4 ms
  h.with({"web"}).record(1'000'000);       // on the bound of 1 ms
  h.with({"web"}).record(61'000'000'000);  // over all bounds
  auto& c = registry.counters({"meshd_a_total", "Requests.", {"service", "code"}});
  c.with({"web", "200"}).add(7);
  c.with({"api", "\"\\\n"}).add();
  c.with({"bad\xff", "0"}).add();
  registry.gauges({"meshd_b", "No labels.", {}}).with({}).set(-3);
  REQUIRE(expose_prometheus(registry.snapshot()) ==
          "# HELP meshd_a_total Requests.\n"
          "# TYPE meshd_a_total counter\n"
          "meshd_a_total{service=\"api\",code=\"\\\"\\\\\\n\"} 1\n"
          "meshd_a_total{service=\"bad\xef\xbf\xbd\",code=\"0\"} 1\n"
          "meshd_a_total{service=\"web\",code=\"200\"} 7\n"
          "# HELP meshd_b No labels.\n"
          "# TYPE meshd_b gauge\n"
          "meshd_b -3\n"
          "# HELP meshd_seconds Time with \\\\ and\\nnewline.\n"
          "# TYPE meshd_seconds histogram\n"
          "meshd_seconds_bucket{service=\"web\",le=\"0.0005\"} 1\n"
          "meshd_seconds_bucket{service=\"web\",le=\"0.001\"} 2\n"
          "meshd_seconds_bucket{service=\"web\",le=\"0.0025\"} 2\n"
          "meshd_seconds_bucket{service=\"web\",le=\"0.005\"} 2\n"
          "meshd_seconds_bucket{service=\"web\",le=\"0.01\"} 2\n"
          "meshd_seconds_bucket{service=\"web\",le=\"0.025\"} 2\n"
          "meshd_seconds_bucket{service=\"web\",le=\"0.05\"} 2\n"
          "meshd_seconds_bucket{service=\"web\",le=\"0.1\"} 2\n"
          "meshd_seconds_bucket{service=\"web\",le=\"0.25\"} 2\n"
          "meshd_seconds_bucket{service=\"web\",le=\"0.5\"} 2\n"
          "meshd_seconds_bucket{service=\"web\",le=\"1\"} 2\n"
          "meshd_seconds_bucket{service=\"web\",le=\"2.5\"} 2\n"
          "meshd_seconds_bucket{service=\"web\",le=\"5\"} 2\n"
          "meshd_seconds_bucket{service=\"web\",le=\"10\"} 2\n"
          "meshd_seconds_bucket{service=\"web\",le=\"30\"} 2\n"
          "meshd_seconds_bucket{service=\"web\",le=\"60\"} 2\n"
          "meshd_seconds_bucket{service=\"web\",le=\"+Inf\"} 3\n"
          "meshd_seconds_sum{service=\"web\"} 61.001400000\n"
          "meshd_seconds_count{service=\"web\"} 3\n");
}

TEST_CASE("the JSON form carries labels, values and quantiles") {
  MetricsRegistry registry;
  registry.counters({"c", "C.", {"service"}}).with({"web"}).add(7);
  auto& h = registry.histograms({"h", "H.", {}}).with({});
  for (int i = 0; i < 100; ++i) h.record(10'000'000);
  auto parsed = parse_json(to_text(metrics_json(registry.snapshot())));
  REQUIRE(parsed);
  const Json& c = member(*parsed, "c");
  REQUIRE(text_of(c, "type") == "counter");
  REQUIRE(int_of(list_of(c, "series")[0], "value") == 7);
  REQUIRE(text_of(member(list_of(c, "series")[0], "labels"), "service") == "web");
  const Json& series = list_of(member(*parsed, "h"), "series")[0];
  REQUIRE(int_of(series, "count") == 100);
  double p99 = member(series, "p99").get<double>();
  REQUIRE(p99 > 0.0095);
  REQUIRE(p99 < 0.0105);
}

}  // namespace meshd
