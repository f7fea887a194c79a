// SPDX-License-Identifier: Apache-2.0
#include "jwt/verify_token.h"

#include <catch2/catch_test_macros.hpp>
#include <chrono>

#include "jwt/jws.h"
#include "jwt/testing.h"
#include "jwt/token_cache.h"

namespace meshd::testing {
namespace {

constexpr UnixSeconds kNow = 1'700'000'000;

std::vector<Jwk> keys_of(const std::string& set) { return parse_jwk_set(set).value().keys; }

TokenVerifier corp(const TestIssuer& from, std::vector<std::string> audiences = {"edge"}) {
  return TokenVerifier({{"corp", "https://login.test/", std::move(audiences), keys_of(from.jwks())}});
}

std::string claims(std::string_view more = "") {
  return R"({"iss":"https://login.test/","aud":"edge","exp":1700000600)" + std::string(more) + "}";
}

// "ok", or the name of the fault, at kNow.
std::string judge(const TokenVerifier& v, std::string_view token) {
  auto verified = v.verify(token);
  if (!verified) return std::string(name_of(verified.error().fault));
  auto fault = fault_at(*verified, kNow);
  return fault ? std::string(name_of(*fault)) : "ok";
}

}  // namespace

TEST_CASE("issuer, audience and times are judged, with sixty seconds between clocks") {
  TestIssuer issuer;
  TokenVerifier v = corp(issuer);
  struct {
    const char *claims, *verdict;
  } const cases[] = {
      {R"({"iss":"https://login.test/","aud":"edge","exp":1700000001})", "ok"},
      {R"({"iss":"https://login.test/","aud":["other","edge"],"exp":1700000001})", "ok"},
      {R"({"iss":"https://login.test/","aud":"edge","exp":1700000001.5})", "ok"},
      {R"({"iss":"https://login.test/","aud":"edge","exp":1699999941})", "ok"},
      {R"({"iss":"https://login.test/","aud":"edge","exp":1699999940})", "expired"},
      {R"({"iss":"https://login.test/","aud":"edge","exp":-1})", "expired"},
      {R"({"iss":"https://login.test/","aud":"edge","exp":1700000600,"nbf":1700000060})", "ok"},
      {R"({"iss":"https://login.test/","aud":"edge","exp":1700000600,"nbf":1700000061})", "not-yet-valid"},
      {R"({"iss":"https://login.test/","aud":"edge"})", "malformed"},
      {R"({"iss":"https://login.test/","aud":"edge","exp":"1700000600"})", "malformed"},
      {R"({"iss":"https://login.test/","aud":"edge","exp":1e300})", "malformed"},
      {R"({"iss":"https://login.test/","aud":"edge","exp":1700000600,"nbf":true})", "malformed"},
      {R"({"iss":"https://login.test/","aud":"edge","exp":1700000600,"exp":1700000600})", "malformed"},
      {R"({"iss":"https://login.test/","aud":"Edge","exp":1700000600})", "wrong-audience"},
      {R"({"iss":"https://login.test/","aud":[],"exp":1700000600})", "wrong-audience"},
      {R"({"iss":"https://login.test/","exp":1700000600})", "wrong-audience"},
      {R"({"iss":"https://login.test/","aud":["edge",1],"exp":1700000600})", "malformed"},
      {R"({"iss":"https://login.test/","aud":{"edge":1},"exp":1700000600})", "malformed"},
      {R"({"iss":"https://login.test","aud":"edge","exp":1700000600})", "unknown-issuer"},
      {R"({"iss":["https://login.test/"],"aud":"edge","exp":1700000600})", "malformed"},
      {R"({"aud":"edge","exp":1700000600})", "malformed"},
      {R"(["https://login.test/"])", "malformed"},
      {"", "malformed"},
  };
  for (const auto& c : cases) {
    INFO(c.claims);
    CHECK(judge(v, issuer.token(c.claims)) == c.verdict);
  }
  CHECK(judge(corp(issuer, {}), issuer.token(R"({"iss":"https://login.test/","exp":1700000600})")) == "ok");
}

TEST_CASE("the key decides on the algorithm, and only the issuer's own key counts") {
  TestIssuer issuer, stranger, other("k2");
  TokenVerifier v = corp(issuer);
  auto with = [&](const char* header) { return judge(v, issuer.sign(header, claims())); };
  CHECK(with(R"({"alg":"ES256","kid":"k1"})") == "ok");
  CHECK(with(R"({"alg":"ES256"})") == "ok");
  CHECK(with(R"({"alg":"ES256","kid":"k1","typ":"JWT","cty":"x"})") == "ok");
  CHECK(with(R"({"alg":"ES256","kid":"k9"})") == "unknown-key");
  for (const char* alg : {"none", "None", "HS256", "RS256", "PS256", "ES384", "EdDSA", "es256", ""}) {
    INFO(alg);
    CHECK(with((R"({"alg":")" + std::string(alg) + R"(","kid":"k1"})").c_str()) == "wrong-algorithm");
  }
  CHECK(with(R"({"alg":["ES256"],"kid":"k1"})") == "malformed");
  CHECK(with(R"({"kid":"k1"})") == "malformed");
  CHECK(with(R"({"alg":"ES256","alg":"ES256"})") == "malformed");
  CHECK(with(R"({"alg":"ES256","kid":1})") == "malformed");
  CHECK(with(R"({"alg":"ES256","b64":false,"crit":["b64"]})") == "malformed");
  // A key that the token brings along is nobody's.
  CHECK(judge(v, stranger.sign(R"({"alg":"ES256","kid":"k1","jwk":)" + stranger.jwk() + "}", claims())) ==
        "bad-signature");
  CHECK(judge(v, other.token(claims())) == "unknown-key");
}

TEST_CASE("the compact form is read strictly") {
  TestIssuer issuer;
  TokenVerifier v = corp(issuer);
  std::string good = issuer.token(claims());
  REQUIRE(judge(v, good) == "ok");
  size_t first = good.find('.'), second = good.rfind('.');
  for (std::string bad :
       {std::string(), std::string("."), std::string(".."), good + ".", "." + good, good + "=", good + " ",
        " " + good, good + "\n", good.substr(0, second), good.substr(0, second + 1), good.substr(first + 1),
        good.substr(0, first) + "=" + good.substr(first), std::string(kTokenBytesMax, 'A') + good}) {
    INFO(bad.substr(0, 60));
    CHECK(judge(v, bad) != "ok");
  }
  // S and N - S both verify in ECDSA; a shorter or longer R and S do not.
  std::string signature = *from_base64url(good.substr(second + 1));
  for (size_t size : {0, 1, 63, 65, 72}) {
    std::string other = signature;
    other.resize(size, '\0');
    CHECK(judge(v, good.substr(0, second + 1) + to_base64url(other)) == "bad-signature");
  }
  CHECK(judge(v, good.substr(0, second + 1) + to_base64url(std::string(64, '\0'))) == "bad-signature");
}

TEST_CASE("claims are names and texts, those of nested objects too") {
  TestIssuer issuer;
  auto verified = corp(issuer).verify(issuer.token(claims(
      R"(,"role":"admin","groups":["a","b"],"realm_access":{"roles":["x","y"]},"n":7,"on":true,"no":null)")));
  REQUIRE(verified);
  const model::Token& t = verified->token;
  CHECK(t.says("role", "admin"));
  CHECK_FALSE(t.says("role", "adm"));
  CHECK(t.says("groups", "a"));
  CHECK(t.says("groups", "b"));
  CHECK_FALSE(t.says("groups", "a,b"));
  CHECK(t.says("realm_access.roles", "y"));
  CHECK(t.says("n", "7"));
  CHECK(t.says("on", "true"));
  CHECK_FALSE(t.says("no", ""));
  CHECK(t.matches({{1, 1}, "corp", {}, {{"role", "admin"}, {"groups", "b"}}}));
  CHECK_FALSE(t.matches({{1, 1}, "corp", {}, {{"role", "admin"}, {"groups", "c"}}}));
  CHECK_FALSE(t.matches({{1, 1}, "other", {}, {}}));
}

TEST_CASE("claims that repeat long names are bounded") {
  TestIssuer issuer;
  std::string name(4000, 'x'), list = "\"a\"";
  for (int i = 0; i < 200; ++i) list += ",\"a\"";
  CHECK(judge(corp(issuer), issuer.token(claims(",\"" + name + "\":[" + list + "]"))) == "malformed");
}

TEST_CASE("a token is good for each entry that accepts it") {
  TestIssuer issuer, elsewhere;
  TokenVerifier v({{"web", "https://login.test/", {"edge"}, keys_of(issuer.jwks())},
                   {"api", "https://login.test/", {"api"}, keys_of(issuer.jwks())},
                   {"all", "https://login.test/", {}, keys_of(issuer.jwks())},
                   {"not", "https://login.test/", {"edge"}, keys_of(elsewhere.jwks())},
                   {"new", "https://login.test/", {"edge"}, {}}});
  auto verified = v.verify(issuer.token(claims()));
  REQUIRE(verified);
  CHECK(verified->token.issuers == std::vector<std::string>{"web", "all"});
}

TEST_CASE("what newer keys might change names the issuers to ask") {
  TestIssuer before("k1"), after("k2");
  TokenVerifier v = corp(before);
  auto refused = v.verify(after.token(claims()));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().stale == std::vector<std::string>{"corp"});
  auto unnamed = v.verify(after.sign(R"({"alg":"ES256"})", claims()));
  CHECK(unnamed.error().fault == TokenFault::signature);
  CHECK(unnamed.error().stale == std::vector<std::string>{"corp"});
  auto forged = v.verify(after.sign(R"({"alg":"ES256","kid":"k1"})", claims()));
  CHECK(forged.error().fault == TokenFault::signature);
  CHECK(forged.error().stale.empty());
  TokenVerifier none({{"corp", "https://login.test/", {"edge"}, {}}});
  CHECK(none.verify(after.token(claims())).error().fault == TokenFault::no_keys);
  CHECK(none.verify(after.token(claims())).error().stale.size() == 1);
  CHECK(corp(after).verify(after.token(claims(",\"x\":1"))).has_value());
}

TEST_CASE("only so many keys are tried for a token that names none") {
  TestIssuer last("z");
  std::string many;
  for (size_t i = 0; i < kKeysTried; ++i) many += TestIssuer("k" + std::to_string(i)).jwk() + ",";
  TokenVerifier v(
      {{"corp", "https://login.test/", {"edge"}, keys_of("{\"keys\":[" + many + last.jwk() + "]}")}});
  CHECK(judge(v, last.token(claims())) == "ok");
  CHECK(judge(v, last.sign(R"({"alg":"ES256"})", claims())) == "bad-signature");
}

TEST_CASE("a key set keeps what can be used, and counts the rest") {
  TestIssuer a("a"), b("b");
  std::string rest =
      R"(,{"kty":"oct","k":"AAAA"},{"kty":"OKP","crv":"Ed25519","x":"AAAA"},{"kty":"EC","crv":"P-384","x":"AA","y":"AA"},)"
      R"({"kty":"RSA","n":"AQAB","e":"AQAB"},5,{},)" +
      b.jwk(R"(,"use":"enc")") + "," + b.jwk(R"(,"alg":"ES512")") + "," + b.jwk(R"(,"key_ops":["sign"])") +
      "," + b.jwk(R"(,"d":"AAAA")");
  auto set =
      parse_jwk_set("{\"keys\":[" +
                    a.jwk(R"(,"use":"sig","alg":"ES256","x5c":["AAAA"],"key_ops":["verify"])") + rest + "]}");
  REQUIRE(set);
  REQUIRE(set->keys.size() == 1);
  CHECK(set->keys[0].kid == "a");
  CHECK(set->ignored == 10);
  CHECK_FALSE(set->text.contains("x5c"));
  auto again = parse_jwk_set(set->text);
  REQUIRE(again);
  CHECK(again->text == set->text);
  CHECK(again->ignored == 0);
}

TEST_CASE("what is no key set is refused with a sentence") {
  TestIssuer a;
  std::string many = "{\"keys\":[" + a.jwk();
  for (size_t i = 0; i < kJwksMax; ++i) many += "," + a.jwk();
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{}"), std::string(R"({"keys":{}})"),
        std::string(R"({"keys":[]})"), a.jwk(), R"({"keys":[],"keys":[)" + a.jwk() + "]}", many + "]}",
        std::string(kJwkSetBytesMax + 1, ' ') + a.jwks()}) {
    INFO(text.substr(0, 60));
    auto set = parse_jwk_set(text);
    REQUIRE_FALSE(set);
    CHECK_FALSE(set.error().what.empty());
  }
}

TEST_CASE("a loop verifies a token once, until it ends or the keys change") {
  TestIssuer issuer, other("k2");
  auto verifier = [](const TestIssuer& from) {
    return std::make_shared<const TokenVerifier>(
        std::vector<TrustedIssuer>{{"corp", "https://login.test/", {"edge"}, keys_of(from.jwks())}});
  };
  TokenCache cache;
  std::string token = issuer.token(claims());
  CHECK(cache.check(token, kNow).error().fault == TokenFault::no_keys);
  auto first = verifier(issuer);
  cache.follow(first);
  for (int i = 0; i < 3; ++i) REQUIRE(cache.check(token, kNow));
  CHECK(cache.verified() == 1);
  CHECK(cache.check(token, kNow + 700).error().fault == TokenFault::expired);
  CHECK(cache.check(token, kNow)->get()->token.says("aud", "edge"));
  CHECK(cache.verified() == 1);
  // Refusals are remembered too.
  std::string foreign = other.token(claims());
  for (int i = 0; i < 3; ++i) CHECK(cache.check(foreign, kNow).error().fault == TokenFault::key);
  CHECK(cache.verified() == 2);
  cache.follow(first);
  CHECK(cache.size() == 2);
  cache.follow(verifier(other));
  CHECK(cache.check(token, kNow).error().fault == TokenFault::key);
  CHECK(cache.check(foreign, kNow));
  CHECK(cache.verified() == 4);
}

TEST_CASE("a loop keeps the tokens used last, and no more than its limit") {
  TestIssuer issuer;
  TokenCache cache;
  cache.follow(std::make_shared<const TokenVerifier>(
      std::vector<TrustedIssuer>{{"corp", "https://login.test/", {"edge"}, keys_of(issuer.jwks())}}));
  // Without a signature: what fills the cache costs nothing to make.
  std::string token = issuer.token(claims());
  REQUIRE(cache.check(token, kNow));
  for (size_t i = 0; i < kTokensKept * 2; ++i) {
    CHECK_FALSE(cache.check("x." + std::to_string(i), kNow));
    if (i % 1000 == 0) REQUIRE(cache.check(token, kNow));
  }
  CHECK(cache.size() == kTokensKept);
  uint64_t before = cache.verified();
  REQUIRE(cache.check(token, kNow));
  CHECK(cache.verified() == before);
  REQUIRE_FALSE(cache.check("x.0", kNow));
  CHECK(cache.verified() == before + 1);
}

// How long things take, for docs/security.md: `test_jwt "[.cost]" -s`.
TEST_CASE("the cost of a token, known and unknown", "[.cost]") {
  using clock = std::chrono::steady_clock;
  TestIssuer issuer;
  TokenVerifier v = corp(issuer);
  std::string token = issuer.token(claims(R"(,"sub":"somebody","role":"admin","groups":["a","b","c"])"));
  auto each = [](int times, auto f) {
    auto begin = clock::now();
    for (int i = 0; i < times; ++i) f();
    return std::chrono::duration<double, std::micro>(clock::now() - begin).count() / times;
  };
  double unknown = each(200, [&] { REQUIRE(v.verify(token)); });
  TokenCache cache;
  cache.follow(std::make_shared<const TokenVerifier>(corp(issuer)));
  REQUIRE(cache.check(token, kNow));
  double known = each(20'000, [&] { REQUIRE(cache.check(token, kNow)); });
  WARN("ES256 verified: " << unknown << " us; known: " << known << " us");
  CHECK(known < unknown);
}

}  // namespace meshd::testing
