// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <catch2/catch_test_macros.hpp>

namespace meshd {
using std::chrono::seconds;

TEST_CASE("times are written as RFC 3339 and read back") {
  struct Case {
    UnixSeconds time;
    const char* text;
  };
  const Case cases[] = {
      {0, "1970-01-01T00:00:00Z"},
      {951'782'400, "2000-02-29T00:00:00Z"},
      {1'700'000'000, "2023-11-14T22:13:20Z"},
      {4'102'444'799, "2099-12-31T23:59:59Z"},
      {253'402'300'799, "9999-12-31T23:59:59Z"},
  };
  for (const Case& c : cases) {
    REQUIRE(format_time(c.time) == c.text);
    REQUIRE(parse_time(c.text) == c.time);
  }
}

TEST_CASE("what is not exactly a time of ours is refused") {
  for (const char* text : {"",
                           "2023-11-14",
                           "2023-11-14T22:13:20",
                           "2023-11-14T22:13:20z",
                           "2023-11-14 22:13:20Z",
                           "2023-11-14T22:13:20Z ",
                           "2023-13-14T22:13:20Z",
                           "2023-11-31T22:13:20Z",
                           "2023-02-29T00:00:00Z",
                           "2023-11-14T24:13:20Z",
                           "2023-11-14T22:60:20Z",
                           "2023-11-14T22:13:61Z",
                           " 2023-11-14T22:13:20Z",
                           "2023-11- 4T22:13:20Z",
                           "2023-1-14T22:13:20Z",
                           "2023-11-14T22:13:2Z",
                           "+023-11-14T22:13:20Z",
                           "2023-11-14T22:13:20+00:00",
                           "2023-11-14T22:13:-1Z",
                           "2023-11-14T22:13:20.5Z"}) {
    INFO(text);
    REQUIRE(parse_time(text) == -1);
  }
  REQUIRE(parse_time(std::string("2023-11-14T22:13:20Z\0", 21)) == -1);
}

TEST_CASE("a time beyond the years that can be written is the last or first that can") {
  REQUIRE(format_time(INT64_MAX) == "9999-12-31T23:59:59Z");
  REQUIRE(format_time(INT64_MIN) == "1000-01-01T00:00:00Z");
}

TEST_CASE("durations are written with their two largest units") {
  struct Case {
    int64_t seconds;
    const char* text;
  };
  const Case cases[] = {{0, "0s"},        {36, "36s"},    {60, "1m"},        {61, "1m1s"},
                        {3600, "1h"},     {3659, "1h"},   {3900, "1h5m"},    {86'400, "1d"},
                        {90'000, "1d1h"}, {86'460, "1d"}, {183'600, "2d3h"}, {-61, "-1m1s"}};
  for (const Case& c : cases) REQUIRE(format_duration(seconds(c.seconds)) == c.text);
}

TEST_CASE("the fake clock stands still until it is moved, both of its hands together") {
  FakeClock clock;
  Instant start = clock.now();
  REQUIRE(clock.now() == start);
  UnixSeconds unix_start = clock.unix_now();
  clock.advance(std::chrono::milliseconds(2500));
  REQUIRE(clock.now() - start == std::chrono::milliseconds(2500));
  REQUIRE(clock.unix_now() == unix_start + 2);
  clock.set_unix(1000);
  REQUIRE(clock.unix_now() == 1000);
  REQUIRE(clock.now() - start == std::chrono::milliseconds(2500));
  REQUIRE(start + std::chrono::milliseconds(2500) == clock.now());
}

TEST_CASE("the system clock does not go backward") {
  Instant last = Clock::system().now();
  for (int i = 0; i < 1000; ++i) {
    Instant next = Clock::system().now();
    REQUIRE(next >= last);
    last = next;
  }
  REQUIRE(Clock::system().unix_now() > 1'700'000'000);
}

}  // namespace meshd
