// SPDX-License-Identifier: Apache-2.0
#include "telemetry/golden.h"

#include <catch2/catch_test_macros.hpp>

#include "base/limits.h"

namespace meshd {

TEST_CASE("a recorded request shows in every golden metric") {
  MetricsRegistry registry;
  GoldenMetrics golden(registry);
  GoldenSeries& s = golden.series({Direction::inbound, "web", "web-split", "gateway"});
  s.begin();
  s.begin();
  s.begin();
  s.record({.status = 200, .duration_ns = 2'000'000, .bytes_in = 10, .bytes_out = 1000});
  s.record({.status = 503, .duration_ns = 1'000'000, .bytes_in = 10, .bytes_out = 20});
  s.record_error(Errc::no_endpoint, Side::upstream);
  MetricsCopy m = registry.snapshot();
  REQUIRE(m.find("meshd_requests_total", {"inbound", "web", "web-split", "gateway", "200"})->value == 1);
  REQUIRE(m.find("meshd_requests_total", {"inbound", "web", "web-split", "gateway", "503"})->value == 1);
  REQUIRE(m.find("meshd_request_duration_seconds", {"inbound", "web", "web-split"})->histogram->count() == 2);
  REQUIRE(m.find("meshd_errors_total", {"inbound", "web", "no-endpoint", "upstream"})->value == 1);
  REQUIRE(m.find("meshd_bytes_total", {"inbound", "web", "gateway", "in"})->value == 20);
  REQUIRE(m.find("meshd_bytes_total", {"inbound", "web", "gateway", "out"})->value == 1020);
  REQUIRE(m.find("meshd_active_requests", {"inbound", "web"})->value == 1);
}

TEST_CASE("status codes in any order are counted each for itself") {
  MetricsRegistry registry;
  GoldenMetrics golden(registry);
  GoldenSeries& s = golden.series({Direction::outbound, "web", "-", "-"});
  int codes[] = {200, 404, 200, 500, 404, 200, 0, 200, 500};
  for (int code : codes) {
    s.begin();
    s.record({.status = code});
  }
  MetricsCopy m = registry.snapshot();
  REQUIRE(m.find("meshd_requests_total", {"outbound", "web", "-", "-", "200"})->value == 4);
  REQUIRE(m.find("meshd_requests_total", {"outbound", "web", "-", "-", "404"})->value == 2);
  REQUIRE(m.find("meshd_requests_total", {"outbound", "web", "-", "-", "500"})->value == 2);
  REQUIRE(m.find("meshd_requests_total", {"outbound", "web", "-", "-", "0"})->value == 1);
}

TEST_CASE("series of one key are one, and keys beyond the limit share one") {
  MetricsRegistry registry;
  GoldenMetrics golden(registry);
  GoldenSeries& first = golden.series({Direction::inbound, "web", "-", "a"});
  REQUIRE(&golden.series({Direction::inbound, "web", "-", "a"}) == &first);
  REQUIRE(&golden.series({Direction::outbound, "web", "-", "a"}) != &first);
  for (size_t i = 0; i < kSeriesMax; ++i) golden.series({Direction::inbound, "web", "-", std::to_string(i)});
  GoldenSeries& over = golden.series({Direction::inbound, "web", "-", "stranger"});
  REQUIRE(&golden.series({Direction::inbound, "api", "-", "other"}) == &over);
  REQUIRE(&golden.series({Direction::inbound, "web", "-", "a"}) == &first);
}

TEST_CASE("connections, certificates, revision and version have their metrics") {
  MetricsRegistry registry;
  GoldenMetrics golden(registry);
  golden.connections_active("inbound").add(2);
  golden.connections_active("inbound").sub();
  golden.series({Direction::inbound, "db", "-", "api"}).record_tcp(Errc::ok);
  golden.series({Direction::inbound, "db", "-", "api"}).record_tcp(Errc::timeout);
  golden.set_certificate_expiry("spiffe://edge.mesh/ns/default/sa/web", 1'700'000'000);
  golden.set_certificate_expiry("spiffe://edge.mesh/ns/default/sa/old", 1);
  golden.forget_certificate("spiffe://edge.mesh/ns/default/sa/old");
  golden.set_snapshot_revision(41);
  golden.set_build_info("0.1.0");
  MetricsCopy m = registry.snapshot();
  REQUIRE(m.find("meshd_connections_active", {"inbound"})->value == 1);
  REQUIRE(m.find("meshd_tcp_connections_total", {"inbound", "db", "api", "ok"})->value == 1);
  REQUIRE(m.find("meshd_tcp_connections_total", {"inbound", "db", "api", "timeout"})->value == 1);
  REQUIRE(m.find("meshd_certificate_expiry_seconds")->series.size() == 1);
  REQUIRE(m.find("meshd_snapshot_revision", {})->value == 41);
  REQUIRE(m.find("meshd_build_info", {"0.1.0"})->value == 1);
}

}  // namespace meshd
