// SPDX-License-Identifier: Apache-2.0
#include "control/server_api.h"

#include <algorithm>

#include "base/file.h"
#include "control/history_api.h"
#include "control/protocol.h"
#include "control/server_tokens.h"

namespace meshd {
namespace {

Json number(uint64_t n) { return json(static_cast<int64_t>(n)); }

Json one(const char* key, std::string_view value) {
  JsonObject j;
  j[key] = json(value);
  return Json(std::move(j));
}

Json list_of_all(const char* key, JsonArray items) {
  JsonObject j;
  j[key] = Json(std::move(items));
  return Json(std::move(j));
}

Json token_json(const store::TokenRecord& t, UnixSeconds now) {
  JsonObject j;
  j["id"] = json(t.id);
  j["node"] = json(t.node.value_or(""));
  j["created"] = json(t.created_at);
  j["created_by"] = json(t.created_by);
  j["expires"] = json(t.expires_at);
  j["used"] = t.used_at ? json(*t.used_at) : Json();
  j["used_by"] = json(t.used_by.value_or(""));
  j["state"] = json(t.used_at ? "used" : t.expires_at <= now ? "expired" : "good");
  return Json(std::move(j));
}

}  // namespace

void ServerApi::mount(ApiRouter& router) {
  router.add("POST", "/v1/apply", [this](ApiCall& c) { return apply(c); });
  router.add("POST", "/v1/confirm", [this](ApiCall& c) { return confirm(c); });
  router.add("GET", "/v1/revisions/{}/acks", [this](ApiCall& c) { return acks(c); });
  router.add("GET", "/v1/nodes", [this](ApiCall& c) { return nodes(c); });
  router.add("DELETE", "/v1/nodes/{}", [this](ApiCall& c) { return remove_node(c); });
  router.add("POST", "/v1/tokens", [this](ApiCall& c) { return make_token(c); });
  router.add("GET", "/v1/tokens", [this](ApiCall& c) { return tokens(c); });
  router.add("DELETE", "/v1/tokens/{}", [this](ApiCall& c) { return revoke_token(c); });
}

// ---- the file

Task<Result<Response>> ServerApi::apply(ApiCall& call) {
  auto body = co_await json_body(call.request);
  if (!body) co_return api_error(body.error());
  if (!member(*body, "yaml").is<std::string>())
    co_return api_error({Errc::invalid_argument, "'yaml' must hold the file's text"});
  Change change;
  change.text = text_of(*body, "yaml");
  change.author = call.caller;
  change.message = text_of(*body, "message").substr(0, 4096);
  change.shown_as = text_of(*body, "file").substr(0, 4096);
  Published done;
  if (flag_of(*body, "dry_run")) {
    done = parts_.publisher.check(change);
  } else if (int64_t confirm_within = int_of(*body, "confirm_seconds"); confirm_within != 0) {
    if (parts_.canaries.any_running())
      co_return api_error(
          {Errc::conflict,
           "a canary is running; `meshd canary status` shows it. End it, or apply without --confirm"});
    ConfirmDesk::Order order{confirm_within, text_of(*body, "guard").substr(0, 1024),
                             static_cast<uint64_t>(std::max<int64_t>(0, int_of(*body, "min_requests")))};
    auto published = parts_.confirm.apply(std::move(change), order);
    if (!published) co_return api_error(published.error());
    done = std::move(*published);
  } else {
    auto published = parts_.publisher.publish(change);
    if (!published) co_return api_error(published.error());
    done = std::move(*published);
  }
  co_return published_response(done);
}

Task<Result<Response>> ServerApi::confirm(ApiCall& call) {
  auto body = co_await json_body(call.request);
  if (!body) co_return api_error(body.error());
  if (flag_of(*body, "back")) {
    auto published = parts_.confirm.take_back(call.caller, "taken back by " + call.caller);
    if (!published) co_return api_error(published.error());
    co_return published_response(*published);
  }
  auto kept = parts_.confirm.confirm(call.caller);
  if (!kept) co_return api_error(kept.error());
  JsonObject answer;
  answer["revision"] = number(kept->value);
  co_return json_response(200, Json(std::move(answer)));
}

Task<Result<Response>> ServerApi::acks(ApiCall& call) {
  auto revision = revision_of(call.parts[0]);
  if (!revision) co_return api_error(revision.error());
  auto wait = call.query_number("wait", 0, kAcksWaitMax.count());
  if (!wait) co_return api_error(wait.error());
  if (*revision > parts_.publisher.revision() || revision->value == 0)
    co_return api_error({Errc::not_found, "there is no revision " + call.parts[0] + "; the newest is " +
                                              std::to_string(parts_.publisher.revision().value)});
  Acks now = acks_of(*revision);
  if (!now.done && *wait > 0) {
    co_await parts_.registry.changed.wait(milliseconds(*wait));
    now = acks_of(*revision);
  }
  co_return json_response(200, now.body);
}

// A node has the newest revision when it has exactly the newest content, and an older one when it got there or beyond.
ServerApi::Acks ServerApi::acks_of(Revision revision) const {
  const ContentPtr& newest = parts_.publisher.content();
  Acks out;
  out.done = true;
  JsonArray nodes;
  for (const auto& [name, node] : parts_.registry.all()) {
    bool exact = newest && revision == newest->revision;
    bool acked = exact ? node.sha256 == newest->sha256 : node.acked >= revision;
    bool refused = newest && node.refused_sha256 == newest->sha256;
    if (node.connected && !acked && !refused) out.done = false;
    JsonObject j;
    j["name"] = json(name);
    j["connected"] = Json(node.connected);
    j["away"] = Json(parts_.clock.now() - node.heard > kSilenceMax);
    j["acked"] = Json(acked);
    j["acked_revision"] = number(node.acked.value);
    j["error"] = json(refused ? node.error : "");
    nodes.push_back(Json(std::move(j)));
  }
  JsonObject body;
  body["revision"] = number(revision.value);
  body["done"] = Json(out.done);
  body["nodes"] = Json(std::move(nodes));
  out.body = Json(std::move(body));
  return out;
}

// ---- nodes

Task<Result<Response>> ServerApi::nodes(ApiCall&) {
  JsonArray items;
  for (const auto& [name, node] : parts_.registry.all()) items.push_back(node_json(node, parts_.clock));
  co_return json_response(200, list_of_all("nodes", std::move(items)));
}

Task<Result<Response>> ServerApi::remove_node(ApiCall& call) {
  const std::string& name = call.parts[0];
  if (name == parts_.own_node)
    co_return api_error(
        {Errc::conflict, "node " + name + " is the one this server runs on; it cannot be removed"});
  // Gone, with its certificates, and the tokens that would bring it back.
  auto removed = parts_.registry.remove(name, call.caller, [&]() -> Outcome<> {
    if (auto ok = parts_.trust.deny_node(name, call.caller); !ok) return ok;
    auto voided = parts_.store.tokens().revoke_for(name);
    if (!voided) return fail(std::move(voided.error()));
    return {};
  });
  if (!removed) co_return api_error(removed.error());
  if (!*removed) co_return api_error({Errc::not_found, "there is no node '" + name + "'"});
  parts_.trust_changed();
  parts_.distributor.drop(name);
  co_return json_response(200, one("name", name));
}

// ---- tokens

Task<Result<Response>> ServerApi::make_token(ApiCall& call) {
  auto body = co_await json_body(call.request);
  if (!body) co_return api_error(body.error());
  TokenOrder order;
  order.control = parts_.control();
  order.pin = parts_.authority.pin();
  order.trust_domain = parts_.authority.trust_domain();
  order.lifetime = int_of(*body, "ttl_seconds", kTokenLifetime);
  if (std::string node = text_of(*body, "node"); !node.empty()) order.node = node;
  order.who = call.caller;
  auto made = meshd::make_token(parts_.store, parts_.clock, order);
  if (!made) co_return api_error(made.error());
  JsonObject answer;
  answer["token"] = json(made->text);
  answer["id"] = json(made->id);
  answer["expires"] = json(made->expires);
  wipe(made->text);
  co_return json_response(200, Json(std::move(answer)));
}

Task<Result<Response>> ServerApi::tokens(ApiCall&) {
  auto list = parts_.store.tokens().list();
  if (!list) co_return api_error(list.error());
  JsonArray items;
  for (size_t i = 0; i < std::min(list->size(), kListMax); ++i)
    items.push_back(token_json((*list)[i], parts_.clock.unix_now()));
  co_return json_response(200, list_of_all("tokens", std::move(items)));
}

Task<Result<Response>> ServerApi::revoke_token(ApiCall& call) {
  const std::string& id = call.parts[0];
  bool revoked = false;
  auto done = parts_.store.transact([&]() -> Outcome<> {
    auto gone = parts_.store.tokens().revoke(id);
    if (!gone) return fail(std::move(gone.error()));
    revoked = *gone;
    if (!revoked) return {};
    auto noted = parts_.store.audit().append({call.caller, "token.revoke", to_text(one("id", id))});
    if (!noted) return fail(std::move(noted.error()));
    return {};
  });
  if (!done) co_return api_error(done.error());
  if (!revoked) co_return api_error({Errc::not_found, "there is no unused token '" + id + "'"});
  co_return json_response(200, one("id", id));
}

}  // namespace meshd
