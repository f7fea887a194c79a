// SPDX-License-Identifier: Apache-2.0
#include "control/key_desk.h"

#include <catch2/catch_test_macros.hpp>

#include "base/file.h"
#include "control/https_get.h"
#include "control/test_dir.h"
#include "jwt/testing.h"
#include "loop/loop.h"
#include "tls/digest.h"

namespace meshd {
namespace {

struct Bench {
  Loop loop;
  TestDir dir;
  FakeClock clock;
  std::unique_ptr<store::Store> store =
      store::Store::open(dir.path() + "/mesh.db", clock, sha256_hex).value();
  int changed = 0;
  std::unique_ptr<KeyDesk> desk;

  Bench() { begin(); }
  // As a server that starts.
  void begin() {
    desk.reset();
    desk = std::make_unique<KeyDesk>(*store, clock, [this] { ++changed; });
  }
  ~Bench() {
    desk.reset();
    loop.run_until([&] { return loop.tasks() == 0; });
  }
  std::string path() const { return dir.path() + "/keys.json"; }
  void put(const std::string& text) const { REQUIRE(write_file(path(), text)); }
  model::Model model() const {
    model::Model m;
    m.jwt.push_back({.name = "corp", .issuer = "https://login.test/"});
    m.jwt[0].keys = {path(), "", "", std::chrono::minutes(10)};
    return m;
  }
  std::string filled() {
    model::Model m = model();
    desk->fill(m);
    return m.jwt[0].key_set;
  }
  void second() {
    clock.advance(std::chrono::seconds(1));
    desk->tick();
  }
  Json state() const { return list_of(Json(JsonObject{{"l", desk->status_json()}}), "l").at(0); }
  std::string check() const {
    Json all = desk->checks().list();
    const Json& item = all.get<JsonArray>().at(0);
    return text_of(item, "state") + ": " + text_of(item, "what");
  }
};

}  // namespace

TEST_CASE("a file of keys is in the first content, and its changes in the next") {
  testing::TestIssuer a("a"), b("b");
  Bench bench;
  bench.put(R"({"keys":[)" + a.jwk(R"(,"use":"sig")") + R"(,{"kty":"oct","k":"AAAA"}]})");
  CHECK(bench.filled() == parse_jwk_set(a.jwks())->text);
  CHECK(bench.changed == 0);
  CHECK(int_of(bench.state(), "keys") == 1);
  CHECK(int_of(bench.state(), "ignored") == 1);
  CHECK(bench.check().starts_with("ok: "));
  bench.second();
  CHECK(bench.changed == 0);
  bench.put(b.jwks());
  bench.second();
  CHECK(bench.changed == 1);
  CHECK(bench.filled() == parse_jwk_set(b.jwks())->text);
  bench.second();
  CHECK(bench.changed == 1);
}

TEST_CASE("what cannot be read changes nothing, and is said") {
  testing::TestIssuer a("a");
  Bench bench;
  CHECK(bench.filled().empty());
  CHECK(bench.check().starts_with("finding: "));
  bench.put(a.jwks());
  bench.second();
  CHECK(bench.changed == 1);
  std::string good = bench.filled();
  bench.put("half a fi");
  bench.second();
  CHECK(bench.filled() == good);
  CHECK(bench.check().starts_with("note: "));
  CHECK(bench.check().contains("not JSON"));
  // A private key beside its public half is everybody's.
  bench.put(R"({"keys":[)" + a.jwk(R"(,"d":"AAAA")") + "]}");
  bench.second();
  CHECK(bench.filled() == good);
  REQUIRE(unlink(bench.path().c_str()) == 0);
  bench.second();
  CHECK(bench.filled() == good);
  CHECK_FALSE(text_of(bench.state(), "error").empty());
  CHECK(bench.changed == 1);
}

TEST_CASE("keys outlive the server's end, but not a change of where they come from") {
  testing::TestIssuer a("a");
  Bench bench;
  bench.put(a.jwks());
  std::string good = bench.filled();
  REQUIRE(unlink(bench.path().c_str()) == 0);
  bench.begin();
  CHECK(bench.filled() == good);
  CHECK(text_of(bench.state(), "fetched") == format_time(bench.clock.unix_now()));
  bench.begin();
  model::Model other = bench.model();
  other.jwt[0].issuer = "https://other.test/";
  bench.desk->fill(other);
  CHECK(other.jwt[0].key_set.empty());
}

TEST_CASE("an issuer that cannot be asked is asked again, seldom, whoever wants its keys") {
  Bench bench;
  model::Model m = bench.model();
  // Nobody listens there, and nobody's certificate would do.
  m.jwt[0].keys = {"", "https://127.0.0.1:1/jwks", "", std::chrono::minutes(10)};
  bench.desk->fill(m);
  auto asked = [&] {
    bench.second();
    bool under_way = bench.loop.tasks() > 0;
    bench.loop.run_until([&] { return bench.loop.tasks() == 0; });
    return under_way;
  };
  CHECK(asked());
  CHECK_FALSE(text_of(bench.state(), "error").empty());
  int tries = 0;
  for (int s = 0; s < 600; ++s) tries += asked();
  // 2, 4, 8, 16, 32, 60, 60, … seconds.
  CHECK(tries >= 12);
  CHECK(tries <= 16);
  tries = 0;
  for (int s = 0; s < 100; ++s) {
    bench.desk->want("corp");
    tries += asked();
  }
  CHECK(tries >= 8);
  CHECK(tries <= 11);
  bench.desk->want("nobody");
}

TEST_CASE("https addresses are read strictly") {
  auto url = parse_https_url("https://login.test:8443/a/b?c=d");
  REQUIRE(url);
  CHECK(url->host == "login.test");
  CHECK(url->port == 8443);
  CHECK(url->authority == "login.test:8443");
  CHECK(url->target == "/a/b?c=d");
  CHECK(parse_https_url("https://login.test")->target == "/");
  CHECK(parse_https_url("https://login.test")->port == 443);
  CHECK(parse_https_url("https://login.test?x")->target == "/?x");
  CHECK(parse_https_url("https://[fd00::1]:1/x")->host == "fd00::1");
  CHECK(parse_https_url("https://[fd00::1]/x")->port == 443);
  for (const char* bad :
       {"", "http://x/", "https://", "https:///x", "https://u@x/", "https://x/#f", "https://x:0/",
        "https://x:/", "https://x:65536/", "https://x y/", "https://x/\r\nA: b", "https://x\\y/",
        "https://a:b:c/", "https://[x]/", "https://x/\xc3\xa4"}) {
    INFO(bad);
    CHECK_FALSE(parse_https_url(bad));
  }
}

}  // namespace meshd
