// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace meshd {
namespace {

class SystemClock final : public Clock {
 public:
  Instant now() const override {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return {int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec};
  }
  UnixSeconds unix_now() const override { return time(nullptr); }
};

}  // namespace

const Clock& Clock::system() {
  static const SystemClock clock;
  return clock;
}

std::string format_time(UnixSeconds t) {
  // From year 1000 to 9999: four digits, as RFC 3339 wants.
  time_t seconds = std::clamp<UnixSeconds>(t, -30'610'224'000, 253'402'300'799);
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text, n};
}

UnixSeconds parse_time(const std::string& text) {
  tm parts{};
  if (sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2dZ", &parts.tm_year, &parts.tm_mon, &parts.tm_mday,
             &parts.tm_hour, &parts.tm_min, &parts.tm_sec) != 6)
    return -1;
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  UnixSeconds t = timegm(&parts);
  // scanf takes spaces and signs, timegm takes a 45th day: only what we would write ourselves is a time.
  return format_time(t) == text ? t : -1;
}

std::string format_duration(std::chrono::seconds d) {
  int64_t s = d.count();
  if (s < 0) return "-" + format_duration(-d);
  struct Unit {
    int64_t seconds;
    char name;
  };
  constexpr Unit units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
  for (size_t i = 0; i < 4; ++i) {
    if (s < units[i].seconds && i < 3) continue;
    std::string text = std::to_string(s / units[i].seconds) + units[i].name;
    int64_t rest = s % units[i].seconds;
    if (i < 3 && rest / units[i + 1].seconds > 0)
      text += std::to_string(rest / units[i + 1].seconds) + units[i + 1].name;
    return text;
  }
  return "0s";
}

}  // namespace meshd
