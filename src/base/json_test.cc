// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <catch2/catch_test_macros.hpp>

#include "base/limits.h"

namespace meshd {

TEST_CASE("members are read by name, and a wrong type gives the fallback") {
  auto j = parse_json(R"({"n":5,"big":9007199254740993,"f":2.9,"s":"x","t":true,"l":[1,2],"o":{"n":1}})");
  REQUIRE(j);
  REQUIRE(int_of(*j, "n") == 5);
  REQUIRE(int_of(*j, "big") == 9007199254740993);
  REQUIRE(int_of(*j, "f") == 2);
  REQUIRE(int_of(*j, "s", 7) == 7);
  REQUIRE(text_of(*j, "s") == "x");
  REQUIRE(text_of(*j, "n", "none") == "none");
  REQUIRE(flag_of(*j, "t"));
  REQUIRE(flag_of(*j, "s", true));
  REQUIRE(list_of(*j, "l").size() == 2);
  REQUIRE(list_of(*j, "o").empty());
  REQUIRE(int_of(member(*j, "o"), "n") == 1);
  REQUIRE(int_of(member(*j, "nothing"), "n", 3) == 3);
}

TEST_CASE("nesting is limited where it stands, not in texts") {
  std::string limit(kJsonDepthMax, '[');
  std::string close(kJsonDepthMax, ']');
  REQUIRE(parse_json(limit + close));
  auto deep = parse_json("[" + limit + close + "]");
  REQUIRE_FALSE(deep);
  REQUIRE(deep.error().code == Errc::limit);
  REQUIRE_FALSE(parse_json(std::string(1'000'000, '[')));
  REQUIRE_FALSE(parse_json(R"({"a\":)" + std::string(1'000'000, '{')));
  REQUIRE(parse_json("[\"" + std::string(1000, '[') + "\"]"));
  REQUIRE(parse_json(R"(["\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["])"));
  // Many one after the other are not deep.
  std::string wide = "[";
  for (int i = 0; i < 1000; ++i) wide += "[],";
  REQUIRE(parse_json(wide + "[]]"));
}

TEST_CASE("what is not one JSON value is refused with words and without an exception") {
  const char* texts[] = {"",        " ",           "{",         "}",     "[1,]", "{\"a\":}",  "{a:1}",
                         "\"abc",   "\"\\q\"",     "nul",       "1 2",   "[1]]", "1e999",     "-1e999",
                         "[1e999]", "--1",         "+1",        "1e",    "NaN",  "{\"a\" 1}", "\"\n\"",
                         "'x'",     "\"\\ud800\"", "\"\\u12\"", "[1 2]", "\xff", "-"};
  for (const char* text : texts) {
    INFO(text);
    auto j = parse_json(text);
    REQUIRE_FALSE(j);
    REQUIRE_FALSE(j.error().what.empty());
  }
}

TEST_CASE("a member named twice is refused where it is asked for, at any depth") {
  const char* twice[] = {R"({"a":1,"a":1})", R"({"a":{"b":1,"c":2,"b":3}})", R"([[{"a":1,"a":2}]])",
                         R"({"a":1,"\u0061":2})"};
  for (const char* text : twice) {
    INFO(text);
    CHECK(parse_json(text));
    CHECK_FALSE(parse_json_unique(text));
  }
  auto once = parse_json_unique(R"({"a":{"a":1},"b":[{"a":1},{"a":2}]})");
  REQUIRE(once);
  CHECK(int_of(list_of(*once, "b")[1], "a") == 2);
  CHECK_FALSE(parse_json_unique("{\"a\":" + std::string(100'000, '[')));
  CHECK_FALSE(parse_json_unique("{} x"));
  CHECK_FALSE(parse_json_unique("[1e999]"));
}

TEST_CASE("a number too large for an integer gives the fallback") {
  auto j = parse_json(R"({"a":1e300,"b":-1e300,"c":9223372036854775808,"d":-9223372036854775808})");
  REQUIRE(j);
  REQUIRE(int_of(*j, "a", -7) == -7);
  REQUIRE(int_of(*j, "b", -7) == -7);
  REQUIRE(int_of(*j, "c", -7) == -7);
  REQUIRE(int_of(*j, "d", -7) == INT64_MIN);
}

TEST_CASE("the same value always gives the same bytes") {
  auto a = parse_json(R"( { "b" : 1, "a" : [ true, null, "x" ] } )");
  auto b = parse_json(R"({"a":[true,null,"x"],"b":1})");
  REQUIRE(to_text(*a) == to_text(*b));
  REQUIRE(to_text(*a) == R"({"a":[true,null,"x"],"b":1})");
}

TEST_CASE("slashes are written plainly, and every text comes back as it was") {
  for (const char* text : {"a/b", "\\", "\\/", "/\\", "\\\\//", "\"/\n/"}) {
    CAPTURE(text);
    std::string line = to_text(json(text));
    auto back = parse_json(line);
    REQUIRE(back);
    CHECK(back->get<std::string>() == text);
  }
  CHECK(to_text(json("a/b")) == "\"a/b\"");
  CHECK(to_pretty_text(json("a/b")) == "\"a/b\"\n");
}

}  // namespace meshd
