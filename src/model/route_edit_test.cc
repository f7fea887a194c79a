// SPDX-License-Identifier: Apache-2.0
#include "model/route_edit.h"

#include <catch2/catch_test_macros.hpp>

namespace meshd::model {
namespace {

RouteTo arm(std::string version, uint32_t weight) {
  RouteTo to;
  if (!version.empty()) to.tags["version"] = std::move(version);
  to.weight = weight;
  return to;
}

std::string set(const std::string& text, std::vector<RouteTo> arms, std::string_view route = "web") {
  auto out = set_arms(text, route, arms);
  if (!out) return "error: " + out.error().what;
  return *out;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

const std::vector<RouteTo> kNinety{arm("v1", 95), arm("v2", 5)};

}  // namespace

TEST_CASE("only the weights of the route become other bytes") {
  struct Case {
    const char* what;
    std::string text;
  };
  const Case cases[] = {
      {"a block list of flow maps, with comments",
       "# head\nroutes:\n  - name: other\n    to:\n      - { tags: { version: v1 }, weight: 90 }\n"
       "  - name: web   # the one\n    service: web\n    to:\n"
       "      - { tags: { version: v1 }, weight: @A } # stable, weight: 90\n\n"
       "      # new\n      - { weight: @B, tags: { version: v2 } }\n    timeout: { request: 3s }\n"},
      {"block maps",
       "routes:\n- name: web\n  to:\n  - tags:\n      version: v1\n    weight:   @A   # w\n  - weight: @B\n"
       "    tags: { version: \"v2\" }\n  service: web\npolicy: {}\n"},
      {"all in one line",
       "routes: [{name: web, to: [{tags: {version: v1}, weight: @A},{weight: @B,tags: {version: v2}}]}]\n"},
      {"JSON",
       "{\"routes\": [{\"name\": \"web\", \"to\": [{\"tags\": {\"version\": \"v1\"}, \"weight\": @A},\n"
       "{\"tags\": {\"version\": \"v2\"}, \"weight\": @B}]}]}"},
      {"a quoted name, other quotes before, and letters of several bytes",
       "# \u00e9t\u00e9 \u2603\nmesh: { name: 'it''s' }\nroutes:\n  - name: \"web\"\n    to:\n"
       "      - { tags: { \"version\": 'v1' }, weight: @A }  # \u2603\n      - { tags: { version: v2 }, "
       "weight: @B }\n"},
      {"a byte order mark and lines that end as on Windows",
       "\xEF\xBB\xBFroutes:\r\n  - name: web\r\n    to:\r\n      - { tags: { version: v1 }, weight: @A }\r\n"
       "      - { tags: { version: v2 }, weight: @B }\r\n"},
      {"no line end at the end",
       "routes:\n  - name: web\n    to:\n      - tags: { version: v1 }\n        weight: @A\n      - tags: { "
       "version: v2 }\n"
       "        weight: @B"},
  };
  for (const Case& c : cases) {
    INFO(c.what);
    std::string before = replaced(replaced(c.text, "@A", "90"), "@B", "10");
    std::string after = replaced(replaced(c.text, "@A", "95"), "@B", "5");
    CHECK(set(before, kNinety) == after);
    CHECK(set(after, {arm("v1", 90), arm("v2", 10)}) == before);
    CHECK(set(before, {arm("v1", 90), arm("v2", 10)}) == before);
  }
}

TEST_CASE("a weight that is not there is written where it belongs, in the form of its arm") {
  CHECK(
      set("routes:\n  - name: web\n    to:\n      - { tags: { version: v1 } }  # old\n      - tags:\n"
          "          version: v2  # new\n    service: web\n",
          kNinety) ==
      "routes:\n  - name: web\n    to:\n      - { tags: { version: v1 }, weight: 95 }  # old\n      - tags:\n"
      "          version: v2  # new\n        weight: 5\n    service: web\n");
  CHECK(set("routes: [{ name: web, to: [{}] }]\n", {arm("", 3)}) ==
        "routes: [{ name: web, to: [{ weight: 3 }] }]\n");
  // One is what a weight is where none is written.
  std::string one = "routes: [{ name: web, to: [{ tags: { version: v1 } }] }]\n";
  CHECK(set(one, {arm("v1", 1)}) == one);
}

TEST_CASE("an arm that is not there is added in the form of the list") {
  CHECK(
      set("routes:\n  - name: web\n    to:\n      - { tags: { version: v1 }, weight: 1 } # all\n    # after\n"
          "    service: web\n",
          kNinety) ==
      "routes:\n  - name: web\n    to:\n      - { tags: { version: v1 }, weight: 95 } # all\n"
      "      - { tags: { version: v2 }, weight: 5 }\n    # after\n    service: web\n");
  CHECK(set("routes: [{ name: web, to: [ { tags: { version: v1 } } ] }] # x\n", kNinety) ==
        "routes: [{ name: web, to: [ { tags: { version: v1 }, weight: 95 }, { tags: { version: v2 }, weight: "
        "5 } ] }] # x\n");
  CHECK(set("routes:\n- name: web\n  to:\n  - tags: { version: v1 }\n    weight: 1\n- name: z\n", kNinety) ==
        "routes:\n- name: web\n  to:\n  - tags: { version: v1 }\n    weight: 95\n"
        "  - { tags: { version: v2 }, weight: 5 }\n- name: z\n");
}

TEST_CASE("a route without arms gets its list, in the form of the route") {
  CHECK(set("routes:\n  - name: web\n    service: web # it\n  - name: b\n    service: web\n", kNinety) ==
        "routes:\n  - name: web\n    service: web # it\n    to:\n      - { tags: { version: v1 }, weight: 95 "
        "}\n"
        "      - { tags: { version: v2 }, weight: 5 }\n  - name: b\n    service: web\n");
  CHECK(set("routes:\n  - { name: web, service: web }\n", kNinety) ==
        "routes:\n  - { name: web, service: web, to: [{ tags: { version: v1 }, weight: 95 }, { tags: { "
        "version: v2 }, "
        "weight: 5 }] }\n");
  // Words that YAML would take for something else are quoted.
  CHECK(set("routes:\n  - { name: web }\n", {arm("2", 1), arm("no", 1), arm("a\"b", 1)})
            .find("[{ tags: { version: \"2\" }, weight: 1 }, { tags: { version: \"no\" }, weight: 1 }, "
                  "{ tags: { version: \"a\\\"b\" }, weight: 1 }]") != std::string::npos);
}

TEST_CASE("what cannot be edited safely is refused, with the reason") {
  struct Case {
    const char* text;
    const char* words;
  };
  for (const Case& c : {
           Case{"routes: [{ name: wep }]", "there is no route 'web'; did you mean 'wep'?"},
           Case{"services: {}", "the file has no routes"},
           Case{"a: &x 1\nroutes: [{ name: web }]", "an anchor (&name) is not accepted"},
           Case{"a: 1\nroutes: [{ name: web, to: *x }]", "is not accepted"},
           Case{"routes: [{ name: web, to: [] }]", "is not a list of the arms"},
           Case{"routes: [{ name: web, to: [{ tags: { version: v3 } }] }]", "is not version=v1"},
           Case{"routes: [{ name: web, to: [{ tags: { version: v1 }, weight: '1' }, { tags: { version: v2 } "
                "}] }]",
                "is not a plain number"},
           Case{"routes:\n  - name: web\n    to:\n      -\n        tags: { version: v1 }\n",
                "does not begin on its dash's line"},
           Case{"routes: [{ name: web", "this is not YAML"},
       }) {
    INFO(c.text);
    std::string out = set(c.text, kNinety);
    CHECK(out.starts_with("error: "));
    INFO(out);
    CHECK(out.find(c.words) != std::string::npos);
  }
}

TEST_CASE("the text of a route is its own, without what stands around it") {
  const std::string text =
      "routes:\n  - name: a\n    to: [{ weight: 1 }]  # x\n  # y\n  - { name: b }\npolicy: {}\n";
  CHECK(*route_text(text, "a") == "name: a\n    to: [{ weight: 1 }]");
  CHECK(*route_text(text, "b") == "{ name: b }");
  CHECK(!route_text(text, "c"));
}

}  // namespace meshd::model
