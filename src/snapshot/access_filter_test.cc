// SPDX-License-Identifier: Apache-2.0
// access_filter_test.cc: what the checker of the file lets pass, the access log can read, and the other way round.
// It stands here because model/ and telemetry/ share a floor and do not know each other.
#include "telemetry/access_filter.h"

#include <catch2/catch_test_macros.hpp>

#include "base/random.h"
#include "model/access_check.h"

namespace meshd {

TEST_CASE("checker and reader of the access log's filter agree") {
  const char* words[] = {"status", "duration", "method",  "path",    "service",
                         "=",      "==",       "!=",      "<",       "<=",
                         ">",      ">=",       "and",     "or",      "(",
                         ")",      "400",      "1000",    "1s",      "250ms",
                         "1 s",    "3us",      "9m",      "1.5s",    "99999999999999999999",
                         "GET",    "/a*",      "\"x y\"", "\"",      " ",
                         "\t",     "x",        "Status",  "statusx", "ands"};
  FastRandom random(4);
  int good = 0;
  for (int i = 0; i < 300'000; ++i) {
    std::string text;
    bool shaped = random.below(2);
    for (uint32_t n = random.below(3) + 1; n--;) {
      if (shaped)
        text += (random.below(2) ? "status >= 4" : "method = GET") + std::string(random.below(2) ? " " : "") +
                (n ? random.below(2) ? " or " : " and " : "");
      if (!shaped || !random.below(4))
        for (uint32_t k = random.below(4); k--;)
          text += std::string(words[random.below(std::size(words))]) + (random.below(3) ? " " : "");
    }
    bool reads = AccessFilter::parse(text).has_value(), passes = !model::check_access_filter(text);
    good += reads;
    if (reads != passes) {
      INFO("'" << text << "'");
      REQUIRE(passes == reads);
    }
  }
  CHECK(good > 10'000);
  std::string deep(17, '('), enough(16, '(');
  for (auto& t : {deep + "status=1" + std::string(17, ')'), enough + "status=1" + std::string(16, ')'),
                  std::string(1025, ' '), std::string()})
    CHECK(AccessFilter::parse(t).has_value() == !model::check_access_filter(t));
}

}  // namespace meshd
