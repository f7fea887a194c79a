// SPDX-License-Identifier: Apache-2.0
#include "tls/spiffe_id.h"

#include <catch2/catch_test_macros.hpp>

namespace meshd {

TEST_CASE("canonical SPIFFE ids are read and written without a change") {
  for (std::string text : {"spiffe://td.example/ns/default/sa/web", "spiffe://a/b", "spiffe://1.2.3.4/x",
                           "spiffe://my_td-1.x/A-Z_a.z/0..9/...", "spiffe://td/ns/meshd-system/sa/node.n1"}) {
    auto id = SpiffeId::parse(text);
    INFO(text);
    REQUIRE(id.has_value());
    REQUIRE(id->uri() == text);
  }
}

TEST_CASE("everything else is refused") {
  for (std::string text : {"",
                           "spiffe:",
                           "spiffe://",
                           "spiffe:///a",
                           "spiffe://td",
                           "spiffe://td/",
                           "spiffe://td//a",
                           "spiffe://td/a/",
                           "spiffe://td/a//b",
                           "spiffe://td/.",
                           "spiffe://td/..",
                           "spiffe://td/a/../b",
                           "spiffe://td/a/./b",
                           "Spiffe://td/a",
                           "SPIFFE://td/a",
                           "https://td/a",
                           "spiffe:/td/a",
                           "//td/a",
                           "spiffe://TD/a",
                           "spiffe://td:1/a",
                           "spiffe://u@td/a",
                           "spiffe://u:p@td/a",
                           "spiffe://[::1]/a",
                           "spiffe://td/a?q",
                           "spiffe://td/a#f",
                           "spiffe://td?q/a",
                           "spiffe://td/%61",
                           "spiffe://t%64/a",
                           "spiffe://td/a b",
                           " spiffe://td/a",
                           "spiffe://td/a\n",
                           "spiffe://td/ä",
                           "spiffe://tä/a",
                           "spiffe://td/a\\b",
                           "spiffe://td/a;b",
                           "spiffe://td/~a",
                           "spiffe://td/a+b"}) {
    INFO(text);
    REQUIRE_FALSE(SpiffeId::parse(text).has_value());
  }
  REQUIRE_FALSE(SpiffeId::parse(std::string("spiffe://td/a\0b", 15)).has_value());
}

TEST_CASE("the limits are 255 bytes for a trust domain and 2048 for an id") {
  REQUIRE(SpiffeId::parse("spiffe://" + std::string(255, 'a') + "/x").has_value());
  REQUIRE_FALSE(SpiffeId::parse("spiffe://" + std::string(256, 'a') + "/x").has_value());
  REQUIRE(SpiffeId::parse("spiffe://td/" + std::string(2048 - 12, 'a')).has_value());
  REQUIRE_FALSE(SpiffeId::parse("spiffe://td/" + std::string(2048 - 11, 'a')).has_value());
}

TEST_CASE("meshd's own ids have their shapes, and are told apart") {
  SpiffeId web = service_id("td", "web"), node = node_id("td", "n1"), server = server_id("td", "n1");
  REQUIRE(web.uri() == "spiffe://td/ns/default/sa/web");
  REQUIRE(node.uri() == "spiffe://td/ns/meshd-system/sa/node.n1");
  REQUIRE(server.uri() == "spiffe://td/ns/meshd-system/sa/server.n1");
  REQUIRE(service_of(web) == "web");
  REQUIRE(node_of(web).empty());
  REQUIRE(node_of(node) == "n1");
  REQUIRE(server_of(node).empty());
  REQUIRE(server_of(server) == "n1");
  REQUIRE(service_of(server).empty());
  REQUIRE(node_of(service_id("td", "node.n1")).empty());
  REQUIRE(node_of({"td", "/ns/meshd-system/sa/node.n1/x"}).empty());
}

TEST_CASE("a server name stands for one id and gives it back") {
  REQUIRE(sni_of(service_id("mesh.example", "web")) == "web.default.mesh.example");
  REQUIRE(sni_of(node_id("mesh.example", "n1")) == "node__n1.meshd-system.mesh.example");
  for (std::string sa :
       {"web", "node.n1", "a_b", "a.b_c", "Web", "WEB.v2", "_", "__", "a_.b", "a._b", "x-y", "..."}) {
    SpiffeId id = workload_id("mesh.example", "team.A", sa);
    INFO(sa << " " << sni_of(id));
    REQUIRE(id_of_sni(sni_of(id)) == id);
  }
}

TEST_CASE("ids without a server name have none") {
  REQUIRE(sni_of({"td", "/other/shape"}).empty());
  REQUIRE(sni_of({"td", "/ns/a/sa/b/c"}).empty());
  REQUIRE(sni_of(service_id("td", std::string(250, 'a'))).empty());
}

TEST_CASE("server names that we do not make stand for nobody") {
  for (std::string name : {"", "web", "web.default", "web.default.", "Web.default.td", "a_.b.td", "a_1.b.td",
                           "__.b.td", "____.b.td", "a..td", ".b.td", "www.example.com:80", "a.b.TD"}) {
    INFO(name);
    REQUIRE_FALSE(id_of_sni(name).has_value());
  }
}

}  // namespace meshd
