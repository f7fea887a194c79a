// SPDX-License-Identifier: Apache-2.0
#include "control/clock_keeper.h"

#include <cstdlib>
#include <utility>

#include "base/file.h"
#include "base/log.h"

namespace meshd {
namespace {

constexpr size_t kTimeBytes = 64;
// A round trip, and the rounding of two clocks.
constexpr int64_t kOnTheWay = 5;

int64_t seconds_between(Instant from, Instant to) { return (to - from).count() / 1'000'000'000; }

}  // namespace

ClockKeeper::ClockKeeper(const Clock& machine, std::string file, bool alone)
    : clock_(machine), file_(std::move(file)), alone_(alone), started_(machine.now()) {}

void ClockKeeper::load() {
  if (!file_.empty()) {
    auto text = read_file(file_, kTimeBytes);
    if (text) {
      std::string line = text->substr(0, text->find('\n'));
      if (UnixSeconds t = parse_time(line); t > 0)
        clock_.known(t);
      else
        log::warn("the time this node last knew cannot be read", {{"file", file_}});
    }
  }
  judge();
}

void ClockKeeper::judge() {
  UnixSeconds machine = clock_.machine().unix_now();
  if (unset_ || alone_ || skew_ || machine + kClockUnset >= clock_.floor()) return;
  unset_ = true;
  log::warn("this machine's clock was not set; the time this node last knew is used until it is",
            {{"clock", format_time(machine)},
             {"last_known", format_time(clock_.floor())},
             {"at_most", format_duration(std::chrono::seconds(kClockGrace))}});
}

void ClockKeeper::told(UnixSeconds server) {
  int64_t skew = clock_.machine().unix_now() - server;
  bool warn = std::abs(skew) >= kSkewWarn && std::abs(skew_.value_or(0)) < kSkewWarn;
  skew_ = skew;
  if (alone_) return;
  if (warn) log::warn("this machine's clock differs from the server's", {{"seconds", skew}});
  if (!agrees() && !in_grace()) return;
  clock_.known(server - kOnTheWay);
  if (!saved_ || seconds_between(*saved_, clock_.now()) >= kClockSaveEvery) save();
}

void ClockKeeper::save() {
  if (file_.empty() || alone_ || clock_.floor() <= clock_.now().ns / 1'000'000'000) return;
  saved_ = clock_.now();
  if (auto saved = write_file(file_, format_time(clock_.floor()) + "\n"); !saved)
    log::warn("the time cannot be kept", {{"why", saved.error().what}});
}

bool ClockKeeper::in_grace() const {
  return still_unset() && seconds_between(started_, clock_.now()) < kClockGrace;
}

std::string ClockKeeper::refusal() const {
  if (in_grace() || (agrees() && !still_unset())) return {};
  if (still_unset())
    return "this machine's clock has not been set for " +
           format_duration(std::chrono::seconds(seconds_between(started_, clock_.now()))) + "; set it right";
  return "this machine's clock differs from the server's by " + std::to_string(*skew_) + " s; set it right";
}

Json ClockKeeper::json() const {
  JsonObject o;
  UnixSeconds machine = clock_.machine().unix_now();
  o["machine"] = meshd::json(format_time(machine));
  if (clock_.floor() > machine) o["floor"] = meshd::json(format_time(clock_.floor()));
  if (skew_) o["skew_seconds"] = meshd::json(*skew_);
  if (in_grace()) o["grace_seconds"] = meshd::json(kClockGrace - seconds_between(started_, clock_.now()));
  if (std::string why = refusal(); !why.empty()) o["refusal"] = meshd::json(why);
  return Json(std::move(o));
}

}  // namespace meshd
