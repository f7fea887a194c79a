// SPDX-License-Identifier: Apache-2.0
#include "control/confirm_desk.h"

#include <algorithm>

#include "base/log.h"

namespace meshd {
namespace {

constexpr const char* kKey = "unconfirmed";  // in the store's settings

Json number(uint64_t n) { return json(static_cast<int64_t>(n)); }

std::string name_of(Revision r) { return "revision " + std::to_string(r.value); }

std::unexpected<Detailed> none() { return fail(Errc::not_found, "no revision waits for its confirmation"); }

}  // namespace

Outcome<> ConfirmDesk::load() {
  auto text = store_.settings().get(kKey);
  if (!text) return fail(std::move(text.error()));
  if (*text) {
    if (auto j = parse_json(**text)) {
      auto revision = [&](const char* key) { return Revision{static_cast<uint64_t>(int_of(*j, key))}; };
      Pending p{revision("revision"), revision("before"), int_of(*j, "deadline"), {}, text_of(*j, "by")};
      p.order = {int_of(*j, "seconds"), text_of(*j, "guard"),
                 static_cast<uint64_t>(int_of(*j, "min_requests"))};
      pending_ = std::move(p);
      log::info("a revision waits for its confirmation",
                {{"revision", pending_->revision.value}, {"seconds_left", seconds_left()}});
    }
  }
  publisher_.may_change = [this]() -> Outcome<> {
    if (!pending_) return {};
    return fail(Errc::conflict, name_of(pending_->revision) + " waits for its confirmation, for " +
                                    format_duration(std::chrono::seconds(seconds_left())) +
                                    " more; `meshd confirm` keeps it, `meshd confirm --back` takes it back");
  };
  tell_();
  tick();  // its time may have passed while the server was off: nobody shall be sent it again
  return {};
}

Outcome<Published> ConfirmDesk::apply(Change change, const Order& order) {
  if (order.seconds <= 0 || order.seconds > kConfirmMax)
    return fail(Errc::invalid_argument, "the time to confirm is from 1s to 24h");
  if (auto guards = parse_guards(order.guard); !guards) return fail(std::move(guards.error()));
  Pending next{{}, publisher_.revision(), clock_.unix_now() + order.seconds, order, change.author};
  if (next.before.value == 0)
    return fail(Errc::invalid_argument,
                "there is no revision yet that could be gone back to; apply without --confirm");
  change.with = [&](Revision made) -> Outcome<> {
    next.revision = made;
    JsonObject j;
    j["revision"] = number(made.value);
    j["before"] = number(next.before.value);
    j["deadline"] = meshd::json(next.deadline);
    j["seconds"] = meshd::json(order.seconds);
    j["guard"] = meshd::json(order.guard);
    j["min_requests"] = number(order.min_requests);
    j["by"] = meshd::json(next.by);
    auto kept = store_.settings().set(kKey, to_text(Json(std::move(j))));
    if (!kept) return kept;
    // Nodes hear of the terms before the content: it is made after this.
    pending_ = next;
    tell_();
    return {};
  };
  bool waited = pending_.has_value();
  auto published = publisher_.publish(change);
  if (!published && !waited && pending_) {
    pending_.reset();
    tell_();
  }
  return published;
}

Outcome<Revision> ConfirmDesk::confirm(const std::string& by) {
  if (!pending_) return none();
  Revision kept = pending_->revision;
  auto stored = store_.transact([&]() -> Outcome<> {
    if (auto gone = store_.settings().erase(kKey); !gone) return fail(std::move(gone.error()));
    JsonObject detail;
    detail["revision"] = number(kept.value);
    auto noted = store_.audit().append({by, "config.confirm", to_text(Json(std::move(detail)))});
    if (!noted) return fail(std::move(noted.error()));
    return {};
  });
  if (!stored) return fail(std::move(stored.error()));
  log::info("confirmed", {{"revision", kept.value}, {"by", by}});
  pending_.reset();
  tell_();
  return kept;
}

Outcome<Published> ConfirmDesk::take_back(const std::string& by, const std::string& why) {
  if (!pending_) return none();
  auto old = store_.revisions().get(pending_->before);
  if (!old) return fail(std::move(old.error()));
  Change change;
  change.text = std::move(old->text);
  change.author = by;
  change.message = "back to " + name_of(pending_->before) + ": " + name_of(pending_->revision) + ", " + why;
  change.with = [this](Revision) -> Outcome<> {
    auto gone = store_.settings().erase(kKey);
    if (!gone) return fail(std::move(gone.error()));
    return {};
  };
  auto waiting = std::exchange(pending_, std::nullopt);
  auto published = publisher_.publish(change);
  if (published && published->accepted) {
    log::warn("an unconfirmed revision was taken back",
              {{"revision", waiting->revision.value}, {"why", why}});
    tell_();
    return published;
  }
  pending_ = std::move(waiting);
  if (published)
    return fail(Errc::conflict,
                name_of(pending_->before) + " does not pass the check any more: " + published->rendered);
  return published;
}

void ConfirmDesk::went_back(const std::string& node, Revision revision, const std::string& why) {
  if (!pending_ || pending_->revision != revision) return;
  auto back = take_back("meshd", "taken back by " + node + ": " + why);
  if (!back) log::error("an unconfirmed revision cannot be taken back", {{"error", back.error().what}});
}

void ConfirmDesk::tick() {
  if (!pending_ || seconds_left() > 0) return;
  auto back = take_back("meshd", "not confirmed in time");
  if (!back) log::error("an unconfirmed revision cannot be taken back", {{"error", back.error().what}});
}

int64_t ConfirmDesk::seconds_left() const {
  return pending_ ? std::max<int64_t>(0, pending_->deadline - clock_.unix_now()) : 0;
}

std::string ConfirmDesk::line() const {
  Json j{JsonObject()};
  if (pending_) {
    j = terms_json({pending_->revision, pending_->before, seconds_left(), pending_->order.guard,
                    pending_->order.min_requests});
  } else {
    j.get<JsonObject>()["revision"] = number(publisher_.revision().value);
    j.get<JsonObject>()["confirmed"] = Json(true);
  }
  j.get<JsonObject>()["type"] = meshd::json("trial");
  return to_text(j) + "\n";
}

Json ConfirmDesk::json() const {
  if (!pending_) return {};
  JsonObject j;
  j["revision"] = number(pending_->revision.value);
  j["before"] = number(pending_->before.value);
  j["seconds_left"] = meshd::json(seconds_left());
  j["deadline"] = meshd::json(format_time(pending_->deadline));
  j["guard"] = meshd::json(pending_->order.guard);
  j["by"] = meshd::json(pending_->by);
  return Json(std::move(j));
}

}  // namespace meshd
