// SPDX-License-Identifier: Apache-2.0
#include "telemetry/access_filter.h"

#include <catch2/catch_test_macros.hpp>

#include "base/random.h"

namespace meshd {

TEST_CASE("a filter lets through what its expression says") {
  const AccessFacts ok{200, 1'500, "GET", "/api/items", "web"};
  const AccessFacts slow{200, 2'000'000, "POST", "/api/items", "web"};
  const AccessFacts failed{503, 900, "GET", "/healthz", "api"};
  struct Case {
    const char* text;
    bool ok, slow, failed;
  };
  const Case cases[] = {
      {"", true, true, true},
      {"  ", true, true, true},
      {"status >= 400 or duration > 1s", false, true, true},
      {"status = 200", true, true, false},
      {"status == 200", true, true, false},
      {"status != 200", false, false, true},
      {"status < 503", true, true, false},
      {"status <= 200 and duration < 2ms", true, false, false},
      {"duration >= 900us and duration <= 1500us", true, false, true},
      {"duration < 1m", true, true, true},
      {"method = GET", true, false, true},
      {"method != GET", false, true, false},
      {"path = /api/*", true, true, false},
      {"path != /healthz", true, true, false},
      {"path = \"/api/items\"", true, true, false},
      {"service = web and (method = POST or status >= 500)", false, true, false},
      {"service = api or service = web and method = POST", false, true, true},  // and binds tighter
      {"(service = api or service = web) and method = POST", false, true, false},
      {"((status = 200))", true, true, false},
      {"path = *", true, true, true},
      {"path = \"\"", false, false, false},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    auto filter = AccessFilter::parse(c.text);
    REQUIRE(filter);
    REQUIRE(filter->matches(ok) == c.ok);
    REQUIRE(filter->matches(slow) == c.slow);
    REQUIRE(filter->matches(failed) == c.failed);
  }
}

TEST_CASE("a wrong filter is refused at the place where it goes wrong") {
  struct Case {
    std::string text;
    size_t offset;
    const char* what;
  };
  const Case cases[] = {
      {"statsu >= 400", 0, "expected status, duration, method, path or service"},
      {"status", 6, "expected =, !=, <, <=, > or >= after 'status'"},
      {"status >=", 9, "expected a number after 'status'"},
      {"status >= abc", 10, "expected a number after 'status'"},
      {"status >= 400x", 13, "unexpected character after the number"},
      {"status>=400or duration>1s", 11, "unexpected character after the number"},
      {"status >= -1", 10, "expected a number after 'status'"},
      {"status >= 4000", 10, "a status has three digits"},
      {"status >= 400 duration > 1s", 14, "expected 'and' or 'or'"},
      {"status >= 400 or", 16, "expected status, duration, method, path or service"},
      {"duration > 1", 12, "expected a unit: us, ms, s or m"},
      {"duration > 1 s", 12, "expected a unit: us, ms, s or m"},
      {"duration > 1h", 12, "expected a unit: us, ms, s or m"},
      {"duration > 99999999999999999m", 11, "too long"},
      {"method > GET", 9, "expected = or != after 'method'"},
      {"path =", 6, "expected a text after 'path'"},
      {"path = \"/x", 7, "missing closing quote"},
      {"(status = 200", 13, "expected ')'"},
      {"status = 200)", 12, "expected 'and' or 'or'"},
      {std::string(17, '(') + "status = 200" + std::string(17, ')'), 17, "too many parentheses"},
      {std::string(1025, ' '), 1024, "longer than 1024 bytes"},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    auto filter = AccessFilter::parse(c.text);
    REQUIRE_FALSE(filter);
    REQUIRE(filter.error().what == c.what);
    REQUIRE(filter.error().offset == c.offset);
  }
}

TEST_CASE("any arrangement of words parses or is refused within the text") {
  const char* words[] = {"status", "duration", "path", "and", "or",  "(",  ")",
                         ">=",     "=",        "400",  "1s",  "/x*", "\"", " "};
  FastRandom random(3);
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (uint32_t n = random.below(20); n > 0; --n) {
      text += words[random.below(std::size(words))];
      if (random.below(2)) text += ' ';
    }
    auto filter = AccessFilter::parse(text);
    if (filter)
      filter->matches({200, 5, "GET", "/x", "web"});
    else
      REQUIRE(filter.error().offset <= text.size());
  }
}

}  // namespace meshd
