// SPDX-License-Identifier: Apache-2.0
// rfc_test.cc: the examples of RFC 7515 (appendices A.1 to A.7 and E) and RFC 7519 (3.1, 6.1, A.1).
#include <catch2/catch_test_macros.hpp>
#include <chrono>

#include "jwt/verify_token.h"

namespace meshd {
namespace {

const std::string kPayload =
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";
const std::string kA1 =
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9" + kPayload + "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const std::string kA2 =
    "eyJhbGciOiJSUzI1NiJ9" + kPayload +
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
    "O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIAR"
    "NPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvh"
    "J1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const std::string kA3 =
    "eyJhbGciOiJFUzI1NiJ9" + kPayload +
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const std::string kA4 =
    "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-"
    "KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_"
    "Jn";
const std::string kA5 = "eyJhbGciOiJub25lIn0" + kPayload;

const char* const kMac =
    R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"})";
const char* const kRsa =
    R"({"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"})";
const char* const kEc =
    R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";
const char* const kEc521 =
    R"({"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"})";

std::string set_of(std::initializer_list<const char*> keys) {
  std::string out = R"({"keys":[)";
  for (const char* k : keys) out += (out.back() == '[' ? "" : ",") + std::string(k);
  return out + "]}";
}

TokenVerifier joe(std::initializer_list<const char*> keys) {
  return TokenVerifier({{"joe", "joe", {}, parse_jwk_set(set_of(keys)).value().keys}});
}

TokenFault fault_of(const TokenVerifier& v, std::string_view token) {
  auto verified = v.verify(token);
  REQUIRE_FALSE(verified.has_value());
  return verified.error().fault;
}

}  // namespace

TEST_CASE("the RS256 and ES256 examples of RFC 7515 verify, with the claims of RFC 7519 section 3.1") {
  for (const TokenVerifier& v : {joe({kRsa, kEc}), joe({kEc, kRsa}), joe({kMac, kEc521, kRsa, kEc})})
    for (const std::string& token : {kA2, kA3}) {
      auto verified = v.verify(token);
      REQUIRE(verified.has_value());
      CHECK(verified->expires == 1300819380);
      CHECK(verified->token.issuers == std::vector<std::string>{"joe"});
      CHECK(verified->token.says("iss", "joe"));
      CHECK(verified->token.says("exp", "1300819380"));
      CHECK(verified->token.says("http://example.com/is_root", "true"));
      CHECK_FALSE(fault_at(*verified, 1300819380).has_value());
    }
}

TEST_CASE("the HS256, ES512 and unsecured examples are refused whatever keys there are") {
  TokenVerifier v = joe({kMac, kRsa, kEc, kEc521});
  CHECK(fault_of(v, kA1) == TokenFault::algorithm);
  // Its payload is no claims set; with one it is refused for its algorithm.
  CHECK(fault_of(v, kA4) == TokenFault::malformed);
  CHECK(fault_of(v, "eyJhbGciOiJFUzUxMiJ9" + kPayload + kA4.substr(kA4.rfind('.') + 1)) ==
        TokenFault::algorithm);
  CHECK(fault_of(v, kA5) == TokenFault::algorithm);
}

TEST_CASE("the JSON serializations, encrypted tokens and unknown extensions are refused") {
  TokenVerifier v = joe({kRsa, kEc});
  // RFC 7515 A.7: flattened JSON.
  CHECK(fault_of(
            v, R"({"payload":"eyJpc3MiOiJqb2UifQ","protected":"eyJhbGciOiJFUzI1NiJ9","signature":"DtEh"})") ==
        TokenFault::malformed);
  // RFC 7519 A.1 has five parts.
  CHECK(fault_of(v,
                 "eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.QR1Owv2ug2WyPBnbQrRARTeEk9kDO2w8qDcj"
                 "iHnSJflSdv1iNqhWXaKH4MqAkQtM.AxY8DCtDaGlsbGljb3RoZQ.MKOle7UQrG6nSxTLX6Mqwt0orbHvAKeWnDY"
                 "vpIAeZ72d.fiK51VwhsxJ-siBMR-YFiA") == TokenFault::malformed);
  // RFC 7515 appendix E.
  CHECK(fault_of(v,
                 "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly"
                 "9leGFtcGxlLmNvbS9VTkRFRklORUQiOnRydWUNCn0.RkFJTA.") == TokenFault::malformed);
}

TEST_CASE("one bit anywhere makes an example invalid") {
  TokenVerifier v = joe({kRsa, kEc});
  for (const std::string& token : {kA2, kA3}) {
    size_t refused = 0, flipped = 0;
    for (size_t i = 0; i < token.size(); i += 3) {
      std::string other = token;
      other[i] = other[i] == 'A' ? 'B' : 'A';
      if (other == token) continue;
      ++flipped;
      refused += !v.verify(other).has_value();
    }
    CHECK(flipped > 60);
    CHECK(refused == flipped);
  }
}

TEST_CASE("an example signed with one key is refused by another") {
  CHECK(fault_of(joe({kEc}), kA2) == TokenFault::algorithm);
  CHECK(fault_of(joe({kRsa}), kA3) == TokenFault::algorithm);
  // The RSA modulus as the secret of a MAC: no MAC is ever computed (RFC 8725 section 2.1).
  CHECK(fault_of(joe({kRsa}), kA1) == TokenFault::algorithm);
}

TEST_CASE("the cost of an RS256 signature", "[.cost]") {
  TokenVerifier v = joe({kRsa});
  constexpr int kTimes = 1000;
  auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kTimes; ++i) REQUIRE(v.verify(kA2));
  std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - begin;
  WARN("RS256 verified: " << spent.count() / kTimes << " us");
}

}  // namespace meshd
