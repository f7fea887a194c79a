// SPDX-License-Identifier: Apache-2.0
#include "control/history_api.h"

#include <charconv>

#include "control/text_diff.h"

namespace meshd {
namespace {

Json number(uint64_t n) { return json(static_cast<int64_t>(n)); }

Json revision_json(const store::ConfigRevision& r) {
  JsonObject j;
  j["revision"] = number(r.number.value);
  j["author"] = json(r.author);
  j["message"] = json(r.message);
  j["time"] = json(r.time);
  j["bytes"] = number(r.bytes);
  j["hash"] = json(r.hash);
  return Json(std::move(j));
}

std::string title(Revision revision) { return "revision " + std::to_string(revision.value); }

}  // namespace

Outcome<Revision> revision_of(std::string_view text) {
  Revision r;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), r.value);
  if (error != std::errc() || end != text.data() + text.size())
    return fail(Errc::invalid_argument, "'" + std::string(text) + "' is not a revision's number");
  return r;
}

Response published_response(const Published& done) {
  JsonObject answer;
  answer["rendered"] = json(done.rendered);
  answer["summary"] = json(done.summary);
  if (!done.accepted) {
    answer["error"] = json("the file has errors; the running configuration is unchanged");
    answer["code"] = json("invalid-config");
    return json_response(422, Json(std::move(answer)));
  }
  JsonArray warnings;
  for (const model::Diagnostic& d : done.diagnostics) warnings.push_back(json(d.message));
  answer["warnings"] = Json(std::move(warnings));
  answer["revision"] = number(done.revision.value);
  answer["changed"] = Json(done.changed);
  answer["diff"] = json(done.diff);
  return json_response(200, Json(std::move(answer)));
}

void HistoryApi::mount(ApiRouter& router) {
  router.add("GET", "/v1/revisions", [this](ApiCall& c) { return revisions(c); });
  router.add("GET", "/v1/config", [this](ApiCall& c) { return config(c); });
  router.add("GET", "/v1/diff", [this](ApiCall& c) { return diff(c); });
  router.add("POST", "/v1/rollback", [this](ApiCall& c) { return rollback(c); });
}

Task<Result<Response>> HistoryApi::revisions(ApiCall& call) {
  auto limit = call.query_number("limit", 50, kListMax);
  if (!limit) co_return api_error(limit.error());
  auto list = store_.revisions().list(static_cast<size_t>(*limit));
  if (!list) co_return api_error(list.error());
  JsonArray items;
  const Json waits = confirm_.json();
  for (const auto& r : *list) {
    items.push_back(revision_json(r));
    if (int_of(waits, "revision") == static_cast<int64_t>(r.number.value))
      items.back().get<JsonObject>()["unconfirmed"] = waits;
  }
  JsonObject answer;
  answer["revisions"] = Json(std::move(items));
  co_return json_response(200, Json(std::move(answer)));
}

Task<Result<Response>> HistoryApi::config(ApiCall& call) {
  Revision wanted = publisher_.revision();
  if (auto text = call.query("revision")) {
    auto revision = revision_of(*text);
    if (!revision) co_return api_error(revision.error());
    wanted = *revision;
  }
  auto found = store_.revisions().get(wanted);
  if (!found) co_return api_error(found.error());
  Json j = revision_json(*found);
  j.get<JsonObject>()["yaml"] = json(found->text);
  co_return json_response(200, j);
}

Outcome<Revision> HistoryApi::before(Revision revision) const {
  auto list = store_.revisions().list(kListMax);
  if (!list) return fail(std::move(list.error()));
  for (const store::ConfigRevision& r : *list)
    if (r.number < revision) return r.number;
  return Revision{};
}

Task<Result<Response>> HistoryApi::diff(ApiCall& call) {
  Revision to = publisher_.revision(), from;
  if (auto text = call.query("to")) {
    auto revision = revision_of(*text);
    if (!revision) co_return api_error(revision.error());
    to = *revision;
  }
  if (auto text = call.query("from")) {
    auto revision = revision_of(*text);
    if (!revision) co_return api_error(revision.error());
    from = *revision;
  } else {
    auto found = before(to);
    if (!found) co_return api_error(found.error());
    from = *found;
  }
  std::string from_text;  // before the first revision there was nothing
  if (from.value > 0) {
    auto old = store_.revisions().get(from);
    if (!old) co_return api_error(old.error());
    from_text = std::move(old->text);
  }
  auto next = store_.revisions().get(to);
  if (!next) co_return api_error(next.error());
  JsonObject answer;
  answer["from"] = number(from.value);
  answer["to"] = number(to.value);
  answer["diff"] = json(text_diff({title(from), from_text}, {title(to), next->text}));
  co_return json_response(200, Json(std::move(answer)));
}

Task<Result<Response>> HistoryApi::rollback(ApiCall& call) {
  auto body = co_await json_body(call.request);
  if (!body) co_return api_error(body.error());
  int64_t wanted = int_of(*body, "revision");
  if (wanted <= 0) co_return api_error({Errc::invalid_argument, "'revision' must be a revision's number"});
  auto old = store_.revisions().get({static_cast<uint64_t>(wanted)});
  if (!old) co_return api_error(old.error());
  Change change;
  change.text = std::move(old->text);
  change.author = call.caller;
  change.message = text_of(*body, "message").substr(0, 4096);
  if (change.message.empty()) change.message = "back to revision " + std::to_string(wanted);
  change.shown_as = title(old->number);
  change.careful = true;
  auto published = publisher_.publish(change);
  if (!published) co_return api_error(published.error());
  co_return published_response(*published);
}

}  // namespace meshd
