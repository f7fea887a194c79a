// SPDX-License-Identifier: Apache-2.0
#include "jwt/jwk_set.h"

#include <algorithm>
#include <optional>

#include "base/encode.h"
#include "base/json.h"

namespace meshd {
namespace {

constexpr size_t kKidBytesMax = 256;

// Absent, or this.
bool says(const Json& jwk, const char* name, std::string_view wanted) {
  const Json& m = member(jwk, name);
  return m.is<picojson::null>() || (m.is<std::string>() && m.get<std::string>() == wanted);
}

bool may_verify(const Json& jwk) {
  const Json& uses = member(jwk, "key_ops");
  if (uses.is<picojson::null>()) return true;
  return std::ranges::any_of(list_of(jwk, "key_ops"), [](const Json& use) {
    return use.is<std::string>() && use.get<std::string>() == "verify";
  });
}

std::optional<VerifyKey> key_of(const Json& jwk) {
  std::string kind = text_of(jwk, "kty");
  bool rsa = kind == "RSA";
  if (!rsa && !(kind == "EC" && text_of(jwk, "crv") == "P-256")) return std::nullopt;
  auto one = from_base64url(text_of(jwk, rsa ? "n" : "x"));
  auto two = from_base64url(text_of(jwk, rsa ? "e" : "y"));
  if (!one || !two) return std::nullopt;
  auto key = rsa ? VerifyKey::rsa(*one, *two) : VerifyKey::p256(*one, *two);
  if (!key || !says(jwk, "alg", name_of(key->algorithm()))) return std::nullopt;
  return *key;
}

// What our own reading of it needs.
Json public_part(const Json& jwk) {
  JsonObject out;
  for (const char* name : {"kty", "kid", "n", "e", "crv", "x", "y"})
    if (const Json& m = member(jwk, name); m.is<std::string>()) out[name] = m;
  return Json(std::move(out));
}

}  // namespace

Outcome<JwkSet> parse_jwk_set(std::string_view text) {
  if (text.size() > kJwkSetBytesMax)
    return fail(Errc::limit, "the key set has more than " + std::to_string(kJwkSetBytesMax / 1024) + " KiB");
  auto j = parse_json_unique(text);
  if (!j) return fail(Errc::invalid_argument, "the key set is " + j.error().what);
  if (!member(*j, "keys").is<JsonArray>())
    return fail(Errc::invalid_argument, "the key set has no list of keys");
  JwkSet out;
  JsonArray used;
  for (const Json& jwk : list_of(*j, "keys")) {
    const Json& kid = member(jwk, "kid");
    bool usable = jwk.is<JsonObject>() && says(jwk, "use", "sig") && may_verify(jwk) && !jwk.contains("d") &&
                  !jwk.contains("k") &&
                  (kid.is<picojson::null>() ||
                   (kid.is<std::string>() && kid.get<std::string>().size() <= kKidBytesMax));
    std::optional<VerifyKey> key = usable ? key_of(jwk) : std::nullopt;
    if (!key) {
      ++out.ignored;
      continue;
    }
    if (out.keys.size() == kJwksMax)
      return fail(Errc::limit, "the key set has more than " + std::to_string(kJwksMax) + " keys");
    out.keys.push_back({text_of(jwk, "kid"), std::move(*key)});
    used.push_back(public_part(jwk));
  }
  if (out.keys.empty())
    return fail(Errc::invalid_argument,
                "the key set has no RSA key for RS256 of 2048 bits or more and no P-256 key for ES256 (" +
                    std::to_string(out.ignored) + " others)");
  out.text = to_text(Json(JsonObject{{"keys", Json(std::move(used))}}));
  return out;
}

}  // namespace meshd
