// SPDX-License-Identifier: Apache-2.0
// trial.h: a node's part of `meshd apply --confirm`: while a revision waits for its confirmation the node keeps the
// confirmed snapshot beside it, and goes back by itself: when the time is over, when the server is lost, when a guard
// breaks. Nothing of this needs anybody else; agent.cc asks `due` and goes.
//
// On disk: trial.json (which revision, until when) and snapshot.confirmed (last_good.h), from before the revision takes effect
// until it is confirmed or gone.
#pragma once
#include <optional>
#include <string>

#include "base/clock.h"
#include "control/figures.h"
#include "control/last_good.h"
#include "control/protocol.h"

namespace meshd {

// What the server says of a revision that is not confirmed.
struct TrialTerms {
  Revision revision;
  Revision before;  // in force until it came, and where everybody goes back to; 0: not known
  int64_t seconds_left = 0;
  std::string guard;
  uint64_t min_requests = 0;
};
Json terms_json(const TrialTerms& terms);
TrialTerms terms_of(const Json& j);

// When connected the server's own way back is given this long to arrive first: one change instead of two.
inline constexpr milliseconds kTrialGrace{2'000};

class Trial {
 public:
  // `directory`: the state directory.
  Trial(const std::string& directory, const Clock& clock)
      : file_(directory + "/trial.json"),
        kept_path_(directory + "/snapshot.confirmed"),
        kept_(kept_path_),
        clock_(clock) {}

  // At start, before the last good snapshot is looked at: where a trial's time was over meanwhile, `live` holds the
  // confirmed snapshot afterwards. Gives why, or nothing.
  std::optional<std::string> settle(const LastGood& live);

  // The terms of a revision that is about to come, or of the one that is tried.
  void announce(const TrialTerms& terms);
  // The server says that this revision is confirmed.
  void confirmed(Revision revision);
  // `next` is about to take effect in the place of `now`. After this the way back is on disk, if `next` is a trial.
  // Errors: those of the disk; then `next` must not take effect.
  Outcome<> before(Revision next, const SealedSnapshot& now);
  // `revision` is in effect: what is no trial ends one.
  void after(Revision revision);
  // The way back was taken.
  void went_back(const std::string& why);

  bool active() const { return terms_.has_value(); }
  bool guarded() const { return terms_ && !terms_->guard.empty(); }
  // A line of the server came.
  void heard() { heard_ = clock_.now(); }
  // All sums of this node's metrics, each second while guarded.
  void count(const Figures& sums);
  // Why it is time to go back; nothing: not yet.
  std::optional<std::string> due() const;
  // No line of the server came for kSilenceMax.
  bool lost() const;
  // Where to. Errors: it cannot be read.
  Outcome<SealedSnapshot> kept() const;

  // {"revision","seconds_left","guard"} and {"revision","why","time"} of the last way back; null where there is none.
  Json json() const;
  Json last_return() const;

 private:
  int64_t seconds_left() const;
  Outcome<> write() const;
  void drop();

  std::string file_, kept_path_;
  LastGood kept_;
  const Clock& clock_;
  std::optional<TrialTerms> announced_, terms_;
  Instant announced_until_{}, until_{};  // a clock that is set meanwhile does not move them
  Instant heard_{};
  std::optional<Figures> base_;  // the sums when it began
  Figures seen_;                 // since then
  Json last_return_;
};

}  // namespace meshd
