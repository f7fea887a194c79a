// SPDX-License-Identifier: Apache-2.0
#include "control/trial.h"

#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/log.h"

namespace meshd {
namespace {

constexpr size_t kFileMax = 64 * 1024;
constexpr int64_t kSecondsMax = 7 * 86'400;

}  // namespace

Json terms_json(const TrialTerms& terms) {
  JsonObject j;
  j["revision"] = json(static_cast<int64_t>(terms.revision.value));
  j["before"] = json(static_cast<int64_t>(terms.before.value));
  j["seconds_left"] = json(terms.seconds_left);
  j["guard"] = json(terms.guard);
  j["min_requests"] = json(static_cast<int64_t>(terms.min_requests));
  return Json(std::move(j));
}

TrialTerms terms_of(const Json& j) {
  TrialTerms terms;
  terms.revision.value = static_cast<uint64_t>(std::max<int64_t>(int_of(j, "revision"), 0));
  terms.before.value = static_cast<uint64_t>(std::max<int64_t>(int_of(j, "before"), 0));
  terms.seconds_left = std::clamp<int64_t>(int_of(j, "seconds_left"), 0, kSecondsMax);
  terms.guard = text_of(j, "guard").substr(0, 1024);
  terms.min_requests = static_cast<uint64_t>(std::max<int64_t>(int_of(j, "min_requests"), 0));
  return terms;
}

std::optional<std::string> Trial::settle(const LastGood& live) {
  auto text = read_file(file_, kFileMax);
  if (!text) return std::nullopt;
  auto j = parse_json(*text);
  if (!j) {
    log::warn("what is known of an unconfirmed revision cannot be read", {{"file", file_}});
    return std::nullopt;
  }
  terms_ = terms_of(*j);
  // The one place where the clock of the day counts: it went on while this node was off.
  int64_t left = std::min(int_of(*j, "deadline") - clock_.unix_now(), terms_->seconds_left);
  until_ = clock_.now() + std::chrono::seconds(left);
  heard_ = clock_.now();
  if (left > 0) return std::nullopt;
  auto confirmed = kept();
  if (!confirmed) {
    log::error("the confirmed snapshot cannot be used", {{"why", confirmed.error().what}});
    return std::nullopt;
  }
  if (auto ok = live.save(*confirmed); !ok) {
    log::error("the confirmed snapshot cannot be put back", {{"why", ok.error().what}});
    return std::nullopt;
  }
  std::string why = "it was not confirmed in time, while this node was off";
  went_back(why);
  return why;
}

void Trial::announce(const TrialTerms& terms) {
  announced_ = terms;
  announced_until_ = clock_.now() + std::chrono::seconds(terms.seconds_left);
  // Another can only follow what was settled: this node did not hear how.
  if (terms_ && terms_->revision == terms.before) drop();
  if (!terms_ || terms_->revision != terms.revision) return;
  terms_ = terms;
  until_ = announced_until_;
  if (auto ok = write(); !ok) log::warn("cannot write down a trial's terms", {{"error", ok.error().what}});
}

void Trial::confirmed(Revision revision) {
  if (announced_ && announced_->revision == revision) announced_.reset();
  if (!terms_ || terms_->revision != revision) return;
  log::info("confirmed", {{"revision", revision.value}});
  drop();
}

Outcome<> Trial::before(Revision next, const SealedSnapshot& now) {
  if (!announced_ || announced_->revision != next) return {};
  // The confirmed one is kept: through trials that follow one another too. Without any there is no way back.
  if (!terms_) {
    if (now.stored.revision.value == 0) return {};
    if (auto ok = kept_.save(now); !ok) return ok;
    base_.reset();
    seen_ = {};
  }
  terms_ = announced_;
  until_ = announced_until_;
  heard_ = clock_.now();
  auto written = write();
  if (!written) terms_.reset();
  return written;
}

void Trial::after(Revision revision) {
  if (terms_ && terms_->revision != revision) drop();
}

void Trial::went_back(const std::string& why) {
  JsonObject j;
  j["revision"] = meshd::json(static_cast<int64_t>(terms_ ? terms_->revision.value : 0));
  j["why"] = meshd::json(why);
  j["time"] = meshd::json(format_time(clock_.unix_now()));
  last_return_ = Json(std::move(j));
  log::warn("back to the confirmed snapshot", {{"from", terms_ ? terms_->revision.value : 0}, {"why", why}});
  drop();
}

void Trial::drop() {
  terms_.reset();
  base_.reset();
  seen_ = {};
  // The terms first: alone, a kept snapshot means nothing.
  unlink(file_.c_str());
  unlink(kept_path_.c_str());
  unlink((kept_path_ + ".prev").c_str());
}

Outcome<> Trial::write() const {
  Json j = terms_json(*terms_);
  j.get<JsonObject>()["seconds_left"] = meshd::json(seconds_left());
  j.get<JsonObject>()["deadline"] = meshd::json(clock_.unix_now() + seconds_left());
  return write_file(file_, to_text(j) + "\n");
}

void Trial::count(const Figures& sums) {
  if (!terms_) return;
  if (!base_) base_ = sums;
  seen_ = sums.since(*base_);
}

int64_t Trial::seconds_left() const {
  return std::max<int64_t>(0, std::chrono::ceil<std::chrono::seconds>(until_ - clock_.now()).count());
}

bool Trial::lost() const { return clock_.now() - heard_ >= kSilenceMax; }

std::optional<std::string> Trial::due() const {
  if (!terms_) return std::nullopt;
  if (lost()) return "the server is lost, and it was not confirmed";
  if (clock_.now() >= until_ + kTrialGrace) return "it was not confirmed in time";
  if (seen_.requests >= std::max<uint64_t>(terms_->min_requests, 1))
    if (auto guards = parse_guards(terms_->guard)) return broken(*guards, seen_);
  return std::nullopt;
}

Outcome<SealedSnapshot> Trial::kept() const {
  auto loaded = kept_.load();
  if (loaded.snapshot) return std::move(*loaded.snapshot);
  return fail(Errc::not_found, loaded.warning.empty() ? "no confirmed snapshot was kept" : loaded.warning);
}

Json Trial::json() const {
  if (!terms_) return {};
  JsonObject j;
  j["revision"] = meshd::json(static_cast<int64_t>(terms_->revision.value));
  j["seconds_left"] = meshd::json(seconds_left());
  j["guard"] = meshd::json(terms_->guard);
  return Json(std::move(j));
}

Json Trial::last_return() const { return last_return_; }

}  // namespace meshd
