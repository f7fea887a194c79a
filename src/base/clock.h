// SPDX-License-Identifier: Apache-2.0
// clock.h: time comes from an injected Clock, so that tests can move it.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace meshd {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// Monotonic instant, nanoseconds since an arbitrary start.
struct Instant {
  int64_t ns = 0;
  friend auto operator<=>(Instant, Instant) = default;
};
inline nanoseconds operator-(Instant a, Instant b) { return nanoseconds(a.ns - b.ns); }
inline Instant operator+(Instant a, nanoseconds d) { return {a.ns + d.count()}; }

// Seconds since 1970-01-01 UTC.
using UnixSeconds = int64_t;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  virtual UnixSeconds unix_now() const = 0;
  // The machine's own clocks.
  static const Clock& system();
};

// Stands still until moved; for tests.
class FakeClock final : public Clock {
 public:
  Instant now() const override { return now_; }
  UnixSeconds unix_now() const override { return unix_ + now_.ns / 1'000'000'000; }
  void advance(nanoseconds d) { now_.ns += d.count(); }
  void set_unix(UnixSeconds s) { unix_ = s - now_.ns / 1'000'000'000; }

 private:
  Instant now_;
  UnixSeconds unix_ = 1'700'000'000;
};

// "2026-11-23T18:39:30Z" (RFC 3339). parse returns -1 for anything else.
std::string format_time(UnixSeconds t);
UnixSeconds parse_time(const std::string& text);

// "1h5m", "36s", "2d3h": for people.
std::string format_duration(std::chrono::seconds d);

}  // namespace meshd
