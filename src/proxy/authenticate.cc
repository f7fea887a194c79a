// SPDX-License-Identifier: Apache-2.0
// authenticate.cc: stage before authorize. Reads `authorization`, x.service. Writes x.token, facts.token. Next: authorize.cc
#include "proxy/authenticate.h"

#include <algorithm>

#include "base/log.h"
#include "http/semantics.h"
#include "proxy/data_plane.h"
#include "proxy/exchange.h"

namespace meshd {
namespace {

constexpr std::string_view kScheme = "bearer";

struct Bearer {
  bool there = false;
  std::string_view token;  // empty: what is there is none
};

// RFC 6750 section 2.1. Another scheme is the program's own affair; two fields are a riddle whose answer the program may
// guess otherwise.
Bearer bearer_of(const RequestHead& head) {
  auto value = head.find("authorization");
  if (!value) return {};
  size_t end = std::min(value->find(' '), value->size());
  bool single = head.count("authorization") == 1;
  if (!same_name(value->substr(0, end), kScheme)) return {!single, {}};
  size_t begin = std::min(value->find_first_not_of(' ', end), value->size());
  return {true, single ? value->substr(begin) : std::string_view()};
}

std::string invalid_token(TokenFault fault) {
  return std::string(R"(Bearer error="invalid_token", error_description=")") + text_of(fault) + "\"";
}

}  // namespace

ShownToken TokenDesk::look(const RequestHead& head, UnixSeconds unix_now, Instant now) {
  ShownToken out{.looked = true, .token = nullptr, .fault = std::nullopt};
  Bearer shown = bearer_of(head);
  if (!shown.there) return out;
  auto checked = cache_.check(shown.token, unix_now);
  if (checked) {
    out.token = std::move(*checked);
    return out;
  }
  out.fault = checked.error().fault;
  for (const std::string& issuer : checked.error().stale) {
    auto [it, fresh] = wanted_.try_emplace(issuer, now);
    if (!fresh && now - it->second < kKeysWantedEvery) continue;
    it->second = now;
    want_(issuer);
  }
  return out;
}

bool authenticate(Exchange& x, const ServiceEntry& to, RequestFacts& facts) {
  if (to.issuers.empty() || x.request == nullptr) return true;
  if (!x.token.looked) {
    x.token = x.plane.tokens().look(x.request->head, x.plane.unix_now(), x.plane.loop().now());
    if (x.token.token && std::ranges::none_of(to.issuers, [&](const std::string& issuer) {
          return x.token.token->token.good_for(issuer);
        }))
      x.token = {.looked = true, .token = nullptr, .fault = TokenFault::issuer};
    if (x.token.fault)
      x.plane.count_token(to.name, name_of(*x.token.fault));
    else if (x.token.token)
      x.plane.count_token(to.name, "valid");
  }
  if (x.token.token) facts.token = &x.token.token->token;
  return !x.token.fault || !to.tokens_judged;
}

Response refuse_by_policy(std::unique_ptr<Exchange>&& x) {
  if (!x->judged) {
    TokenFault fault = x->token.fault.value_or(TokenFault::malformed);
    bool unknown = fault == TokenFault::no_keys;
    Error why{Errc::unauthenticated, unknown ? Side::self : Side::client, text_of(fault)};
    Response response = refuse(std::move(x), why, std::string(name_of(fault)));
    if (!unknown) response.head.add("www-authenticate", invalid_token(fault));
    return response;
  }
  std::string place = policy_text(**x->snapshot, x->policy);
  if (!x->policy.token_missing || x->token.fault || x->token.token)
    return refuse(std::move(x), {Errc::denied, Side::client, "denied by policy"}, std::move(place));
  Error why{Errc::unauthenticated, Side::client, "the policy asks for a token"};
  Response response = refuse(std::move(x), why, std::move(place));
  response.head.add("www-authenticate", "Bearer");
  return response;
}

const TokenVerifierPtr& TokenVerifiers::of(const Snapshot& snapshot) {
  std::string made_of;
  for (const model::Issuer& i : snapshot.model.jwt) {
    for (const std::string* part : {&i.name, &i.issuer, &i.key_set})
      made_of.append(std::to_string(part->size())).append(1, ':').append(*part);
    for (const std::string& a : i.audiences)
      made_of.append(std::to_string(a.size())).append(1, ',').append(a);
  }
  if (verifier_ && made_of == made_of_) return verifier_;
  std::vector<TrustedIssuer> issuers;
  for (const model::Issuer& i : snapshot.model.jwt) {
    TrustedIssuer& trusted = issuers.emplace_back(TrustedIssuer{i.name, i.issuer, i.audiences, {}});
    if (i.key_set.empty()) continue;
    auto keys = parse_jwk_set(i.key_set);
    if (keys)
      trusted.keys = std::move(keys->keys);
    else
      log::warn("an issuer's keys cannot be read", {{"issuer", i.name}, {"why", keys.error().what}});
  }
  made_of_ = std::move(made_of);
  verifier_ = std::make_shared<const TokenVerifier>(std::move(issuers));
  return verifier_;
}

}  // namespace meshd
