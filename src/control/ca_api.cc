// SPDX-License-Identifier: Apache-2.0
#include "control/ca_api.h"

#include "base/file.h"
#include "base/log.h"
#include "control/history_api.h"

namespace meshd {
namespace {

Json certificate_json(const Certificate& c) {
  JsonObject j;
  j["serial"] = json(c.serial());
  j["subject"] = json(c.subject());
  j["not_before"] = json(c.not_before());
  j["not_after"] = json(c.not_after());
  return Json(std::move(j));
}

Json one(const char* key, Json value) {
  JsonObject j;
  j[key] = std::move(value);
  return Json(std::move(j));
}

}  // namespace

void CaApi::mount(ApiRouter& router) {
  router.add("GET", "/v1/ca", [this](ApiCall& c) { return show(c); });
  router.add("POST", "/v1/ca/rotate", [this](ApiCall& c) { return rotate(c); });
  router.add("POST", "/v1/ca/abort", [this](ApiCall& c) { return abort(c); });
  router.add("GET", "/v1/ca/denied", [this](ApiCall& c) { return denied(c); });
  router.add("POST", "/v1/ca/deny", [this](ApiCall& c) { return deny(c); });
  router.add("POST", "/v1/ca/allow", [this](ApiCall& c) { return allow(c); });
  router.add("GET", "/v1/ca/certificates", [this](ApiCall& c) { return certificates(c); });
  router.add("GET", "/v1/audit", [this](ApiCall& c) { return audit(c); });
  router.add("GET", "/v1/audit/verify", [this](ApiCall& c) { return verify(c); });
  router.add("GET", "/v1/ca/export", [this](ApiCall& c) { return bundle(c); });
  router.add("POST", "/v1/ca/issuing/rotate", [this](ApiCall& c) { return rotate_issuing(c); });
  router.add("POST", "/v1/ca/issuing/request", [this](ApiCall& c) { return request_issuing(c); });
  router.add("POST", "/v1/ca/issuing/install", [this](ApiCall& c) { return install_issuing(c); });
}

namespace {

Json denied_json(const store::DeniedRecord& r) {
  JsonObject j;
  j["kind"] = json(r.kind);
  j["value"] = json(r.value);
  j["until"] = json(r.until);
  j["time"] = json(r.time);
  j["who"] = json(r.who);
  j["why"] = json(r.why);
  return Json(std::move(j));
}

}  // namespace

// ---- the root

CaApi::Answer CaApi::rotate(ApiCall& call) {
  auto body = co_await json_body(call.request);
  if (!body) co_return api_error(body.error());
  bool force = flag_of(*body, "force");
  bool under_way = parts_.authority.rotation().phase != RotationPhase::none;
  Outcome<> done;
  if (under_way && force) {
    done = parts_.rotation.force(call.caller);
  } else if (std::string pem = text_of(*body, "chain"); !pem.empty()) {
    auto chain = CertificateChain::from_pem(pem);
    std::string key_text = text_of(*body, "key");
    auto key = KeyPair::from_pem(key_text);
    wipe(key_text);
    if (!chain || !key)
      co_return api_error({Errc::invalid_argument, std::string("the CA cannot be read: ") +
                                                       (chain ? key.error().why : chain.error().why)});
    CaImport given{std::move(*chain), std::make_shared<const KeyPair>(std::move(*key))};
    done = parts_.rotation.begin(call.caller, force, &given);
  } else {
    done = parts_.rotation.begin(call.caller, force);
  }
  if (!done) co_return api_error(done.error());
  co_return json_response(200, status());
}

CaApi::Answer CaApi::abort(ApiCall& call) {
  auto done = parts_.rotation.abort(call.caller);
  if (!done) co_return api_error(done.error());
  co_return json_response(200, status());
}

// ---- what is revoked

CaApi::Answer CaApi::denied(ApiCall&) {
  auto list = parts_.trust.list();
  if (!list) co_return api_error(list.error());
  JsonArray items;
  for (const auto& r : *list) items.push_back(denied_json(r));
  co_return json_response(200, one("denied", Json(std::move(items))));
}

CaApi::Answer CaApi::deny(ApiCall& call) {
  auto body = co_await json_body(call.request);
  if (!body) co_return api_error(body.error());
  store::DeniedRecord record{.kind = text_of(*body, "kind"),
                             .value = text_of(*body, "value"),
                             .who = call.caller,
                             .why = text_of(*body, "why").substr(0, 1024)};
  auto done = parts_.trust.deny(record);
  if (!done) co_return api_error(done.error());
  parts_.trust_changed();
  co_return json_response(200, denied_json(record));
}

CaApi::Answer CaApi::allow(ApiCall& call) {
  auto body = co_await json_body(call.request);
  if (!body) co_return api_error(body.error());
  auto done = parts_.trust.lift(text_of(*body, "kind"), text_of(*body, "value"), call.caller);
  if (!done) co_return api_error(done.error());
  parts_.trust_changed();
  co_return json_response(200, *body);
}

CaApi::Answer CaApi::certificates(ApiCall& call) {
  auto limit = call.query_number("limit", 100, kListMax);
  if (!limit) co_return api_error(limit.error());
  auto list = parts_.store.certificates().list(static_cast<size_t>(*limit));
  if (!list) co_return api_error(list.error());
  JsonArray items;
  const DenyList& denied = *parts_.trust.denied();
  for (const auto& c : *list) {
    JsonObject j;
    j["serial"] = json(c.serial);
    j["id"] = json(c.spiffe_id);
    j["node"] = json(c.node);
    j["not_before"] = json(c.not_before);
    j["not_after"] = json(c.not_after);
    j["issued"] = json(c.issued_at);
    j["denied"] = Json(denied.has_serial(c.serial) || denied.has_id(c.spiffe_id));
    items.push_back(Json(std::move(j)));
  }
  co_return json_response(200, one("certificates", Json(std::move(items))));
}

// ---- what was done

CaApi::Answer CaApi::audit(ApiCall& call) {
  auto limit = call.query_number("limit", 50, kListMax);
  if (!limit) co_return api_error(limit.error());
  auto list = parts_.store.audit().list(static_cast<size_t>(*limit));
  if (!list) co_return api_error(list.error());
  JsonArray items;
  for (const auto& e : *list) {
    JsonObject j;
    j["number"] = json(static_cast<int64_t>(e.number));
    j["time"] = json(e.time);
    j["who"] = json(e.who);
    j["what"] = json(e.what);
    j["detail"] = json(e.detail);
    j["hash"] = json(e.hash);
    items.push_back(Json(std::move(j)));
  }
  co_return json_response(200, one("entries", Json(std::move(items))));
}

CaApi::Answer CaApi::verify(ApiCall&) {
  auto entries = parts_.store.audit().verify();
  if (!entries) co_return api_error(entries.error());
  auto revisions = parts_.store.revisions().verify();
  if (!revisions) co_return api_error(revisions.error());
  if (auto denied = parts_.trust.list(); !denied) co_return api_error(denied.error());
  auto last = parts_.store.audit().list(1);
  if (!last) co_return api_error(last.error());
  JsonObject j;
  j["entries"] = json(static_cast<int64_t>(*entries));
  j["revisions"] = json(static_cast<int64_t>(*revisions));
  j["last_hash"] = json(last->empty() ? "" : last->front().hash);
  co_return json_response(200, Json(std::move(j)));
}

// ---- the issuing certificate

Json CaApi::status() const {
  const Authority& ca = parts_.authority;
  JsonObject j;
  j["trust_domain"] = json(ca.trust_domain());
  j["pin"] = json(ca.pin());
  j["root"] = certificate_json(ca.root());
  j["issuing"] = certificate_json(ca.issuing());
  j["root_key_here"] = Json(ca.has_root_key());
  j["sealed"] = Json(ca.is_sealed());
  j["roots"] = json(static_cast<int64_t>(ca.bundle().roots().size()));
  j["rotation"] = parts_.rotation.status_json();
  j["trust"] = json(static_cast<int64_t>(parts_.trust.number()));
  j["denied"] =
      json(static_cast<int64_t>(parts_.trust.denied()->serials.size() + parts_.trust.denied()->ids.size()));
  return Json(std::move(j));
}

CaApi::Answer CaApi::show(ApiCall&) { co_return json_response(200, status()); }

CaApi::Answer CaApi::bundle(ApiCall&) {
  co_return json_response(200, one("bundle", json(parts_.authority.bundle().to_pem())));
}

// Written down and said; the answer.
Response CaApi::done(const ApiCall& call, std::string_view what) {
  Json issuing = certificate_json(parts_.authority.issuing());
  auto noted = parts_.store.audit().append({call.caller, std::string(what), to_text(issuing)});
  if (!noted) return api_error(noted.error());
  log::info("issuing certificate replaced", {{"by", call.caller}, {"what", what}});
  return json_response(200, one("issuing", std::move(issuing)));
}

CaApi::Answer CaApi::rotate_issuing(ApiCall& call) {
  auto rotated = parts_.authority.rotate_issuing(parts_.clock.unix_now());
  if (!rotated) co_return api_error(rotated.error());
  co_return done(call, "ca.issuing.rotate");
}

CaApi::Answer CaApi::request_issuing(ApiCall&) {
  auto csr = parts_.authority.request_issuing();
  if (!csr) co_return api_error(csr.error());
  co_return json_response(200, one("csr", json(*csr)));
}

CaApi::Answer CaApi::install_issuing(ApiCall& call) {
  auto body = co_await json_body(call.request);
  if (!body) co_return api_error(body.error());
  auto chain = CertificateChain::from_pem(text_of(*body, "chain"));
  if (!chain) co_return api_error({Errc::invalid_argument, chain.error().why});
  auto installed = parts_.authority.install_issuing(*chain, parts_.clock.unix_now());
  if (!installed) co_return api_error(installed.error());
  co_return done(call, "ca.issuing.install");
}

}  // namespace meshd
