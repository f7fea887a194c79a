// SPDX-License-Identifier: Apache-2.0
#include "model/token.h"

#include <catch2/catch_test_macros.hpp>

#include "model/config.h"

namespace meshd::model {
namespace {

std::string findings(std::string_view jwt, std::string_view more = "") {
  std::string text = "services: { web: {} }\njwt: " + std::string(jwt) + "\n" + std::string(more);
  std::string out;
  for (const Diagnostic& d : parse_config(text).diagnostics)
    out += (d.severity == Diagnostic::error ? "E " : "W ") + d.code + " " + d.message + "\n";
  return out;
}

}  // namespace

TEST_CASE("issuers are read with where their keys come from") {
  auto p = parse_config(
      "services: { web: {} }\n"
      "jwt:\n"
      "  corp:\n"
      "    issuer: https://login.test/\n"
      "    audiences: [edge, web]\n"
      "    jwks: { url: https://login.test/jwks.json, refresh: 30s, roots: /etc/corp.pem }\n"
      "  local: { issuer: anything, audiences: edge, jwks: { file: /etc/keys.json } }\n"
      "  found: { issuer: https://found.test/x, audiences: edge }\n"
      "policy: { rules: [{ name: a, allow: { to: web, jwt: { issuer: corp, claims: { role: admin } } } }] }\n"
      "tests: [{ from: web, request: GET http://web/, jwt: { issuer: corp, claims: { role: admin } }, "
      "expect: { "
      "allowed_by: a } }]\n");
  for (const Diagnostic& d : p.diagnostics) UNSCOPED_INFO(d.message);
  REQUIRE(p.diagnostics.empty());
  const Model& m = *p.model;
  REQUIRE(m.jwt.size() == 3);
  CHECK(m.jwt[0].name == "corp");
  CHECK(m.jwt[0].issuer == "https://login.test/");
  CHECK(m.jwt[0].audiences == std::vector<std::string>{"edge", "web"});
  CHECK(m.jwt[0].keys ==
        KeySource{"", "https://login.test/jwks.json", "/etc/corp.pem", std::chrono::seconds(30)});
  CHECK(m.jwt[1].keys == KeySource{"/etc/keys.json", "", "", std::chrono::minutes(10)});
  CHECK(m.jwt[2].keys == KeySource{"", "", "", std::chrono::minutes(10)});
  const TokenMatch& t = m.policy.rules[0].token;
  CHECK(t.wanted());
  CHECK(t.issuer == "corp");
  CHECK(t.claims == Tags{{"role", "admin"}});
  CHECK(m.tests[0].token.claims == Tags{{"role", "admin"}});
}

TEST_CASE("what cannot work is found before it is in force") {
  const char* rule = "policy: { rules: [{ name: a, allow: { jwt: { issuer: crop } } }] }\n";
  struct {
    const char *jwt, *more, *finding;
  } const cases[] = {
      {"{ corp: { issuer: x, audiences: [a] } }", "", "E MD1014 'x' does not begin with https://"},
      {"{ corp: { issuer: http://x/, audiences: [a] } }", "", "does not begin with https://"},
      {"{ corp: { issuer: x, audiences: [a], jwks: { url: http://x/ } } }", "",
       "does not begin with https://"},
      {"{ corp: { issuer: x, audiences: [a], jwks: { url: https:///x } } }", "", "names no host"},
      {"{ corp: { issuer: x, audiences: [a], jwks: { url: https://u@h/x } } }", "", "names no host"},
      {"{ corp: { issuer: x, audiences: [a], jwks: { file: keys.json } } }", "", "is not an absolute path"},
      {"{ corp: { issuer: x, audiences: [a], jwks: { file: /k, url: https://x/ } } }", "",
       "keys come from a file or a url"},
      {"{ corp: { issuer: x, audiences: [], jwks: { file: /k } } }", "", "an empty list"},
      {"{ corp: { issuer: x, jwks: { file: /k } } }", "", "W MD2012 tokens of 'corp' are taken whomever"},
      {"{ corp: { audiences: [a], jwks: { file: /k } } }", "", "issuer"},
      {"{ corp: { issuer: x, audiences: [a], jwks: { file: /k } } }", rule,
       "E MD2010 jwt has no issuer named 'crop'"},
  };
  for (const auto& c : cases) {
    INFO(c.jwt << c.more);
    std::string got = findings(c.jwt, c.more);
    INFO(got);
    CHECK(got.contains(c.finding));
  }
}

TEST_CASE("a rule that asks for a token never allows opaque tcp, and the file is told so") {
  std::string got = findings("{ corp: { issuer: x, audiences: [a], jwks: { file: /k } } }",
                             "policy: { rules: [{ name: a, allow: { to: db, jwt: { issuer: corp } } }] }\n");
  CHECK(got.contains("unknown service"));
  auto p = parse_config(
      "services: { db: { protocol: tcp } }\njwt: { corp: { issuer: x, audiences: [a], jwks: { file: /k } } "
      "}\n"
      "policy: { rules: [{ name: a, allow: { to: db, jwt: { issuer: corp } } }] }\n");
  REQUIRE(p.diagnostics.size() == 1);
  CHECK(p.diagnostics[0].code == "MD2011");
}

}  // namespace meshd::model
