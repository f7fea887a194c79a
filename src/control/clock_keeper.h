// SPDX-License-Identifier: Apache-2.0
// clock_keeper.h: what this node knows of the time, and what it does when its machine's clock says otherwise.
//
//   differs from the server's by kSkewWarn    a warning, and a finding of `meshd check`
//   by more than kSkewMax, either way         no certificate is renewed: it would not be valid yet, or no more
//   steps back                                what has expired stays expired: time known to be past is a floor
//   was never set (a board without a battery) time is the floor's and then the server's, for kClockGrace
//
// The floor is kept in STATE/clock and outlives restarts. A server's own clock has nobody to be compared with.
#pragma once
#include <optional>
#include <string>

#include "base/floor_clock.h"
#include "base/json.h"

namespace meshd {

inline constexpr int64_t kSkewWarn = 30;            // seconds
inline constexpr int64_t kSkewMax = 300;            // the back-dating of certificates (ca/lifecycle.h)
inline constexpr int64_t kClockUnset = 3'600;       // this far behind at the start: the clock was never set
inline constexpr int64_t kClockGrace = 24 * 3'600;  // after the start; by then somebody has set it
inline constexpr int64_t kClockSaveEvery = 3'600;   // the file is on flash, often

class ClockKeeper {
 public:
  // `file`: empty keeps nothing. `alone`: this machine is the server.
  explicit ClockKeeper(const Clock& machine, std::string file = {}, bool alone = false);

  // Time for everything that must not go back: the machine's, or the floor where that is later.
  const Clock& clock() const { return clock_; }

  // It is later than `past`: a certificate that was issued to this node says so, or one that was seen to end.
  void known(UnixSeconds past) {
    clock_.known(past);
    judge();
  }
  // The floor of the last run. Never fails.
  void load();
  // The server's time, over a connection that proved to be the server's.
  void told(UnixSeconds server);
  // Writes what is known, at a good end.
  void save();

  // The machine's clock minus the server's; nullopt until the server was heard.
  std::optional<int64_t> skew() const { return skew_; }
  // Why no certificate may be renewed now; empty: it may.
  std::string refusal() const;
  // The machine's clock was never set, and the grace for that has not ended.
  bool in_grace() const;
  // Nobody knows the time yet: what seems to begin in the future may be of today.
  bool lost() const { return in_grace() && !skew_; }
  // {"machine","floor"?,"skew_seconds"?,"grace_seconds"?,"refusal"?}
  Json json() const;

 private:
  void judge();
  bool agrees() const { return !skew_ || (*skew_ <= kSkewMax && *skew_ >= -kSkewMax); }
  // The machine's clock has been set since: there is nothing to forgive any more.
  bool still_unset() const { return unset_ && clock_.machine().unix_now() + kSkewMax < clock_.floor(); }

  FloorClock clock_;
  std::string file_;
  bool alone_;
  bool unset_ = false;  // when the server had not been heard yet
  Instant started_;
  std::optional<int64_t> skew_;
  std::optional<Instant> saved_;
};

}  // namespace meshd
