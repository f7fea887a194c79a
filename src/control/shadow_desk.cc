// SPDX-License-Identifier: Apache-2.0
#include "control/shadow_desk.h"

#include <algorithm>

#include "base/encode.h"
#include "base/log.h"
#include "base/random.h"
#include "control/history_api.h"
#include "control/node_status.h"
#include "model/config.h"

namespace meshd {
namespace {

constexpr const char* kSetting = "shadow";  // in the store

Json number(uint64_t n) { return json(static_cast<int64_t>(n)); }

std::string line(JsonObject fields) { return to_text(Json(std::move(fields))) + "\n"; }

std::string end_line() { return line({{"type", json("shadow-end")}}); }

// From the content that nodes have to the candidate with the same nodes.
std::string shadow_lines(const std::string& id, const Content& live, const Content& candidate) {
  Delta delta = diff(live.objects, candidate.objects);
  std::string out = line({{"type", json("shadow")},
                          {"id", json(id)},
                          {"base", json(live.sha256)},
                          {"sha256", json(candidate.sha256)}});
  for (const ObjectKey& key : delta.removed)
    out += line({{"type", json("shadow-remove")}, {"kind", json(key.kind)}, {"name", json(key.name)}});
  for (const Object& object : delta.changed)
    out += R"({"type":"shadow-object","object":)" + encode_object(object) + "}\n";
  return out + line({{"type", json("shadow-commit")}, {"id", json(id)}});
}

// What all nodes counted of one difference.
struct Group {
  uint64_t count = 0;
  int64_t first = 0, last = 0;
  JsonArray samples;
};
constexpr size_t kSamplesShown = 8;

Detailed none() { return {Errc::not_found, "there is no shadow; `meshd apply --shadow FILE` begins one"}; }

}  // namespace

ShadowDesk::ShadowDesk(Parts parts) : parts_(std::move(parts)) {
  parts_.distributor.on_answer([this](const std::string& node, const Json& line) { take(node, line); });
}

Outcome<> ShadowDesk::load() {
  auto kept = parts_.store.settings().get(kSetting);
  if (!kept) return fail(kept.error());
  if (!*kept) return {};
  auto j = parse_json(**kept);
  if (!j) return {};
  shadow_ = Shadow{text_of(*j, "id"),      text_of(*j, "text"), text_of(*j, "author"),
                   text_of(*j, "message"), int_of(*j, "time"),  {static_cast<uint64_t>(int_of(*j, "base"))}};
  distribute();
  return {};
}

void ShadowDesk::mount(ApiRouter& router) {
  router.add("POST", "/v1/shadow", [this](ApiCall& c) { return begin(c); });
  router.add("GET", "/v1/shadow", [this](ApiCall& c) { return status(c); });
  router.add("POST", "/v1/shadow/promote", [this](ApiCall& c) { return promote(c); });
  router.add("DELETE", "/v1/shadow", [this](ApiCall& c) { return drop(c); });
}

// On disk first, with its line in the audit log.
Outcome<> ShadowDesk::keep(std::optional<Shadow> shadow, const std::string& who, const char* what) {
  const Shadow& named = shadow ? *shadow : *shadow_;
  auto stored = parts_.store.transact([&]() -> Outcome<> {
    if (shadow) {
      JsonObject o{{"id", json(shadow->id)},         {"text", json(shadow->text)},
                   {"author", json(shadow->author)}, {"message", json(shadow->message)},
                   {"time", json(shadow->time)},     {"base", number(shadow->base.value)}};
      if (auto ok = parts_.store.settings().set(kSetting, to_text(Json(std::move(o)))); !ok) return ok;
    } else if (auto gone = parts_.store.settings().erase(kSetting); !gone) {
      return fail(gone.error());
    }
    JsonObject detail{{"id", json(named.id)}, {"base", number(named.base.value)}};
    auto noted = parts_.store.audit().append({who, what, to_text(Json(std::move(detail)))});
    if (!noted) return fail(noted.error());
    return {};
  });
  if (!stored) return stored;
  shadow_ = std::move(shadow);
  answers_.clear();
  distribute();
  return {};
}

void ShadowDesk::content_changed() {
  if (!shadow_) return;
  if (stale() && distributed_ && parts_.publisher.text() != shadow_->text)
    log::warn("the shadow no longer applies: another revision is in force",
              {{"id", shadow_->id}, {"base", shadow_->base.value}});
  distribute();
}

void ShadowDesk::distribute() {
  const ContentPtr& live = parts_.publisher.content();
  std::optional<model::Model> model;
  if (shadow_ && live && !stale())
    model = model::parse_config(shadow_->text, live->snapshot->model.file).model;
  if (model) {
    ContentPtr candidate = make_content(*model, parts_.registry.infos(), live->revision);
    parts_.distributor.set_shadow(shadow_lines(shadow_->id, *live, *candidate));
  } else if (distributed_) {
    parts_.distributor.set_shadow(end_line());
  }
  distributed_ = model.has_value();
}

// ---- the API

Task<Result<Response>> ShadowDesk::begin(ApiCall& call) {
  auto body = co_await json_body(call.request);
  if (!body) co_return api_error(body.error());
  if (!member(*body, "yaml").is<std::string>())
    co_return api_error({Errc::invalid_argument, "'yaml' must hold the file's text"});
  Change change;
  change.text = text_of(*body, "yaml");
  change.author = call.caller;
  change.message = text_of(*body, "message").substr(0, 4096);
  change.shown_as = text_of(*body, "file").substr(0, 4096);
  Published checked = parts_.publisher.check(change);
  if (!checked.accepted) co_return published_response(checked);
  if (!parts_.publisher.content())
    co_return api_error({Errc::conflict, "there is no configuration in force to compare with"});
  Shadow shadow{to_hex(random_bytes(4)), change.text,
                change.author,           change.message,
                parts_.clock.unix_now(), parts_.publisher.revision()};
  std::string id = shadow.id;
  if (auto kept = keep(std::move(shadow), call.caller, "shadow.begin"); !kept)
    co_return api_error(kept.error());
  JsonObject answer;
  answer["id"] = json(id);
  answer["base"] = number(parts_.publisher.revision().value);
  answer["rendered"] = json(checked.rendered);
  answer["summary"] = json(checked.summary);
  answer["diff"] = json(checked.diff);
  co_return json_response(200, Json(std::move(answer)));
}

Task<Result<Response>> ShadowDesk::status(ApiCall&) {
  if (!shadow_) co_return api_error(none());
  uint64_t n = ++asked_;
  parts_.distributor.ask(Json(JsonObject{{"type", json("ask")}, {"what", json("shadow")}, {"n", number(n)}}));
  auto all_said = [this, n] {
    return std::ranges::all_of(parts_.registry.all(), [&](const auto& entry) {
      if (!entry.second.connected) return true;
      auto it = answers_.find(entry.first);
      return it != answers_.end() && int_of(it->second, "n") >= static_cast<int64_t>(n);
    });
  };
  Instant until = parts_.clock.now() + kShadowAnswerMax;
  while (!all_said()) {
    auto left = std::chrono::duration_cast<milliseconds>(until - parts_.clock.now());
    if (left <= milliseconds(0)) break;
    bool changed = co_await parts_.registry.changed.wait(left);
    if (!changed) break;
  }
  if (!shadow_) co_return api_error(none());
  co_return json_response(200, status_json(n));
}

void ShadowDesk::take(const std::string& node, const Json& line) {
  if (text_of(line, "what") != "shadow") return;
  answers_[node] = line;
  parts_.registry.changed.notify();
}

Json ShadowDesk::status_json(uint64_t asked) const {
  JsonObject out;
  out["apiVersion"] = json(kApiVersion);
  out["kind"] = json("Shadow");
  out["id"] = json(shadow_->id);
  out["state"] = json(stale() ? "stale" : "running");
  out["base"] = number(shadow_->base.value);
  out["in_force"] = number(parts_.publisher.revision().value);
  out["author"] = json(shadow_->author);
  out["message"] = json(shadow_->message);
  out["time"] = json(shadow_->time);

  std::map<std::vector<std::string>, Group> groups;
  std::map<std::string, int64_t> sums;
  JsonArray nodes;
  for (const auto& [name, node] : parts_.registry.all()) {
    auto it = answers_.find(name);
    bool said = it != answers_.end() && int_of(it->second, "n") >= static_cast<int64_t>(asked);
    bool compares = said && text_of(it->second, "id") == shadow_->id;
    JsonObject o;
    o["name"] = json(name);
    o["state"] = json(compares ? "comparing" : said ? "without" : node.connected ? "silent" : "away");
    if (said) o["error"] = json(text_of(it->second, "error"));
    if (compares) {
      o["since"] = json(int_of(it->second, "since"));
      for (const char* sum : {"routed", "judged", "different", "overflow"}) {
        o[sum] = json(int_of(it->second, sum));
        sums[sum] += int_of(it->second, sum);
      }
      for (const Json& row : list_of(it->second, "rows")) {
        Group& g = groups[{text_of(row, "kind"), text_of(row, "direction"), text_of(row, "service"),
                           text_of(row, "before"), text_of(row, "after")}];
        g.first = g.count == 0 ? int_of(row, "first") : std::min(g.first, int_of(row, "first"));
        g.last = std::max(g.last, int_of(row, "last"));
        g.count += static_cast<uint64_t>(int_of(row, "count"));
        for (const Json& sample : list_of(row, "samples")) {
          if (g.samples.size() >= kSamplesShown || !sample.is<JsonObject>()) break;
          g.samples.push_back(sample);
          g.samples.back().get<JsonObject>()["node"] = json(name);
        }
      }
    }
    nodes.push_back(Json(std::move(o)));
  }
  for (const char* sum : {"routed", "judged", "different", "overflow"}) out[sum] = json(sums[sum]);
  JsonArray list;
  for (auto& [key, g] : groups) {
    JsonObject o;
    o["kind"] = json(key[0]);
    o["direction"] = json(key[1]);
    o["service"] = json(key[2]);
    o["before"] = json(key[3]);
    o["after"] = json(key[4]);
    o["count"] = number(g.count);
    o["first"] = json(g.first);
    o["last"] = json(g.last);
    o["samples"] = Json(std::move(g.samples));
    list.push_back(Json(std::move(o)));
  }
  std::ranges::sort(list,
                    [](const Json& a, const Json& b) { return int_of(a, "count") > int_of(b, "count"); });
  out["nodes"] = Json(std::move(nodes));
  out["groups"] = Json(std::move(list));
  return Json(std::move(out));
}

Task<Result<Response>> ShadowDesk::promote(ApiCall& call) {
  if (!shadow_) co_return api_error(none());
  if (stale())
    co_return api_error({Errc::conflict, "the shadow was compared with revision " +
                                             std::to_string(shadow_->base.value) + ", and revision " +
                                             std::to_string(parts_.publisher.revision().value) +
                                             " is in force; apply --shadow again"});
  Change change;
  change.text = shadow_->text;
  change.author = call.caller;
  change.message = shadow_->message;
  change.careful = true;
  auto published = parts_.publisher.publish(change);
  if (!published) co_return api_error(published.error());
  if (published->accepted)
    if (auto gone = keep(std::nullopt, call.caller, "shadow.promote"); !gone)
      log::warn("the promoted shadow stays in the store", {{"why", gone.error().what}});
  co_return published_response(*published);
}

Task<Result<Response>> ShadowDesk::drop(ApiCall& call) {
  if (!shadow_) co_return api_error(none());
  std::string id = shadow_->id;
  if (auto gone = keep(std::nullopt, call.caller, "shadow.drop"); !gone) co_return api_error(gone.error());
  co_return json_response(200, Json(JsonObject{{"id", json(id)}}));
}

}  // namespace meshd
