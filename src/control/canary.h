// SPDX-License-Identifier: Apache-2.0
// canary.h: one route's change of weights, as the server keeps it: what it is, where it is, and how to go back.
#pragma once
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/json.h"
#include "control/figures.h"
#include "model/model.h"

namespace meshd {

// set: by hand, waits for promote or abort. running: by itself. The others are ends.
enum class CanaryState : uint8_t { set, running, promoted, aborted, stopped };
std::string_view name_of(CanaryState state);

struct CanaryEvent {
  UnixSeconds time = 0;
  std::string what;    // started, step, promoted, aborted, stopped
  double percent = 0;  // from now on
  std::string text;    // "10% to v2 held for 1m: success 100.00% of 812 requests, p99 12.1ms"
};

struct Canary {
  std::string route, arm;  // the arm as it was named; empty: several
  CanaryState state = CanaryState::set;
  std::string by, reason;
  UnixSeconds started = 0, ended = 0;
  double percent = 0;  // that the arm has now
  // of a run
  double step = 10;
  milliseconds every{60'000};
  std::string guard;
  uint64_t min_requests = 0;
  // the way back
  std::vector<model::RouteTo> before;  // the arms, with those that were added at weight 0
  size_t named = 0;                    // of these
  Revision base;                       // whose text was in force before
  bool pristine = true;                // all revisions since are ours: the way back is that text itself
  // to know our own hand
  Revision ours;           // the newest revision we made
  std::string route_text;  // as we left it
  std::string intended;    // checksum of the text that was about to be published
  std::vector<CanaryEvent> events;

  bool active() const { return state == CanaryState::set || state == CanaryState::running; }
};

// All of it, for the store. canary_of gives nothing for what an other version wrote.
Json canary_json(const Canary& canary);
std::optional<Canary> canary_of(const Json& j);

// "10%", "0.5%".
std::string percent_text(double percent);

}  // namespace meshd
