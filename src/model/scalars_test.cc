// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "model/scalars.h"

namespace meshd::model {

using std::literals::chrono_literals::operator""ms;
using std::literals::chrono_literals::operator""s;
using std::literals::chrono_literals::operator""min;
using std::literals::chrono_literals::operator""h;

TEST_CASE("a duration needs a unit") {
  CHECK(parse_duration("250ms") == 250ms);
  CHECK(parse_duration("1.5s") == 1500ms);
  CHECK(parse_duration("5m") == 5min);
  CHECK(parse_duration("24h") == 24h);
  CHECK(parse_duration("3650d") == 24h * 3650);
  CHECK(parse_duration("0s") == 0ms);
  for (const char* bad : {"", "5", "0", "s", "-1s", "+1s", "1e3s", "5 s", "5sec", "1h5m", ".5s", "5.s",
                          "1.2.3s", "0.0001ms", "99999999999d", "9999999999999999s", "nan", "infs"}) {
    INFO(bad);
    CHECK_FALSE(parse_duration(bad));
  }
  CHECK(format_duration_short(90min) == "90m");
  CHECK(format_duration_short(1500ms) == "1500ms");
}

TEST_CASE("numbers, shares and rates are read strictly") {
  CHECK(parse_integer("8080") == 8080);
  CHECK(parse_integer("-1") == -1);
  for (const char* bad : {"", "0x10", "010", "1.0", "1 ", "99999999999999999999", "+1"})
    CHECK_FALSE(parse_integer(bad));
  CHECK(parse_percent("20%") == 20.0);
  CHECK(parse_percent("0.5%") == 0.5);
  for (const char* bad : {"20", "101%", "-1%", "%"}) CHECK_FALSE(parse_percent(bad));
  CHECK(parse_rate("200/s") == 200.0);
  CHECK(parse_rate("60/m") == 1.0);
  for (const char* bad : {"200", "200/", "/s", "200/ms"}) CHECK_FALSE(parse_rate(bad));
}

TEST_CASE("names are DNS labels") {
  for (const char* good :
       {"web", "a", "web-1", "1web", "x123456789x123456789x123456789x123456789x123456789x123456789xyz"})
    CHECK(is_dns_label(good));
  for (const char* bad : {"", "-a", "a-", "Web", "a.b", "a_b", "é", "a b",
                          "x123456789x123456789x123456789x123456789x123456789x123456789xyzz"})
    CHECK_FALSE(is_dns_label(bad));
}

TEST_CASE("addresses are an IP and a port") {
  CHECK(parse_address("10.0.0.20:5432")->ip == "10.0.0.20");
  CHECK(parse_address("[::1]:80")->ip == "::1");
  CHECK(parse_address("[::1]:80")->port == 80);
  for (const char* bad : {"", ":80", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "::1:80",
                          "db:5432", "[10.0.0.1]:80", "10.0.0.256:1", "010.0.0.1:1"}) {
    INFO(bad);
    CHECK_FALSE(parse_address(bad));
  }
}

TEST_CASE("paths and patterns must be in the form that is matched") {
  for (const char* good : {"/", "/a/b", "/a/", "/a%2fb", "/a.b/..c"}) CHECK(is_path(good));
  for (const char* bad : {"", "a", "/a//b", "/a/../b", "/.", "/a?x", "/a#x", "/a b", "/é", "/a\\b"}) {
    INFO(bad);
    CHECK_FALSE(is_path(bad));
  }
  for (const char* good : {"/debug/**", "/**", "/*/x", "/a*b/**/c"}) CHECK(is_path_pattern(good));
  for (const char* bad : {"**", "/a**", "/**a", "/a/***"}) CHECK_FALSE(is_path_pattern(bad));
}

TEST_CASE("a test's request is a method and a URL") {
  auto r = parse_request("GET http://web/a/b?x=1");
  REQUIRE(r);
  CHECK(r->method == "GET");
  CHECK(r->host == "web");
  CHECK(r->path == "/a/b");
  CHECK(parse_request("GET http://web")->path == "/");
  for (const char* bad :
       {"", "GET", "GET /x", "get http://web/", "GET https://web/", "GET http:///x", "GET http://a b/"})
    CHECK_FALSE(parse_request(bad));
  CHECK(parse_status_range("200-299")->max == 299);
  CHECK(parse_status_range("204")->min == 204);
  for (const char* bad : {"99", "600", "299-200", "2xx", "200-"}) CHECK_FALSE(parse_status_range(bad));
}

}  // namespace meshd::model
