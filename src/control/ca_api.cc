// SPDX-License-Identifier: Apache-2.0
#include "control/ca_api.h"

#include "base/log.h"

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
  router.add("GET", "/v1/ca/export", [this](ApiCall& c) { return bundle(c); });
  router.add("POST", "/v1/ca/issuing/rotate", [this](ApiCall& c) { return rotate_issuing(c); });
  router.add("POST", "/v1/ca/issuing/request", [this](ApiCall& c) { return request_issuing(c); });
  router.add("POST", "/v1/ca/issuing/install", [this](ApiCall& c) { return install_issuing(c); });
}

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
