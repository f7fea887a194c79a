// SPDX-License-Identifier: Apache-2.0
#include "telemetry/access_log.h"

#include <catch2/catch_test_macros.hpp>

#include "base/json.h"
#include "telemetry/utf8.h"

namespace meshd {

TEST_CASE("an access record is one line of JSON with its keys in order") {
  AccessRecord r{.time_ms = 1'700'000'000'007,
                 .direction = Direction::inbound,
                 .node = "n2",
                 .source = "spiffe://edge.mesh/ns/default/sa/web",
                 .service = "api",
                 .endpoint = "127.0.1.2:9000",
                 .method = "GET",
                 .path = "/x?q=1",
                 .host = "api",
                 .status = 403,
                 .error = "denied",
                 .rule = {53, 7},
                 .duration_us = 1234,
                 .bytes_in = 1,
                 .bytes_out = 2,
                 .request_id = "abc",
                 .route = "r",
                 .revision = {41}};
  REQUIRE(to_json_line(r) ==
          R"({"time":"2023-11-14T22:13:20.007Z","direction":"inbound","node":"n2",)"
          R"("source":"spiffe://edge.mesh/ns/default/sa/web","service":"api","endpoint":"127.0.1.2:9000",)"
          R"("method":"GET","path":"/x?q=1","host":"api","status":403,"error":"denied","rule":"53:7",)"
          R"("duration_us":1234,"bytes_in":1,"bytes_out":2,"request_id":"abc","route":"r","revision":41})"
          "\n");
}

TEST_CASE("what is not known is left out of the line") {
  REQUIRE(
      to_json_line({.direction = Direction::outbound}) ==
      R"({"time":"1970-01-01T00:00:00.000Z","direction":"outbound","duration_us":0,"bytes_in":0,"bytes_out":0})"
      "\n");
}

TEST_CASE("no foreign byte breaks the line or its reader") {
  for (int first = 0; first < 256; ++first) {
    for (int second : {0, 0x22, 0x5c, 0x0a, 0x7f, 0x80, 0xbf, 0xc3, 0xed, 0xf4, 0xff}) {
      AccessRecord r{.path = {'/', static_cast<char>(first), static_cast<char>(second), 'z'}};
      std::string line = to_json_line(r);
      REQUIRE(line.find('\n') == line.size() - 1);
      REQUIRE(to_utf8(line) == line);
      for (char c : line.substr(0, line.size() - 1)) REQUIRE(static_cast<unsigned char>(c) >= 0x20);
      auto parsed = parse_json(line);
      REQUIRE(parsed);
      REQUIRE(text_of(*parsed, "path") == to_utf8(r.path));
    }
  }
}

TEST_CASE("UTF-8 is kept, everything else becomes U+FFFD byte by byte") {
  struct Case {
    std::string_view in, out;
  };
  const Case cases[] = {
      {"", ""},
      {"plain", "plain"},
      {"h\xc3\xa4user", "h\xc3\xa4user"},
      {"\xe2\x82\xac \xf0\x9f\x98\x80", "\xe2\x82\xac \xf0\x9f\x98\x80"},
      {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},                  // U+10FFFF
      {"\x80", "\xef\xbf\xbd"},                                  // a continuation alone
      {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                  // overlong '/'
      {"\xe0\x80\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},  // overlong '/'
      {"\xf0\x80\x80\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
      {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},                  // surrogate
      {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},  // over U+10FFFF
      {"\xf5", "\xef\xbf\xbd"},
      {"a\xe2\x82", "a\xef\xbf\xbd\xef\xbf\xbd"},  // cut short
      {"\xc3(", "\xef\xbf\xbd("},
  };
  for (const Case& c : cases) {
    INFO(c.in);
    REQUIRE(to_utf8(c.in) == c.out);
  }
}

}  // namespace meshd
