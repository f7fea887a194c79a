// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <set>

#include "base/file.h"
#include "base/json.h"
#include "model/config.h"
#include "model/diagnostics.h"
#include "model/keys.h"
#include "model/match.h"
#include "model/scalars.h"

namespace meshd::model {

TEST_CASE("the table of keys is consistent") {
  std::set<std::string_view> seen;
  for (const Key& key : keys()) {
    INFO(key.path);
    CHECK(seen.insert(key.path).second);
    // The row above exists and is of a kind that has rows below.
    size_t cut = key.path.ends_with("[]") ? key.path.size() - 2 : key.path.rfind('.');
    if (cut != std::string_view::npos) {
      const Key* parent = find_key(key.path.substr(0, cut));
      REQUIRE(parent);
      bool item = key.path.ends_with("[]"), any = key.path.ends_with(".*");
      CHECK(parent->type == (item ? Type::list : any ? Type::named : Type::map));
    }
    // A default is a value the key takes.
    if (key.fallback.empty() || required(key)) continue;
    if (key.type == Type::duration) CHECK(parse_duration(key.fallback));
    if (key.type == Type::integer) CHECK(parse_integer(key.fallback));
    if (key.type == Type::percent) CHECK(parse_percent(key.fallback));
    if (key.type == Type::choice) {
      bool known = false;
      for (const Choice& c : choices_of(key)) known |= c.word == key.fallback;
      CHECK(known);
    }
  }
}

TEST_CASE("the schema beside the example is the table's") {
  auto j = parse_json(json_schema());
  REQUIRE(j);
  CHECK(member(member(*j, "properties"), "services").is<JsonObject>());
  auto file = read_file(MESHD_SOURCE_DIR "/config/meshd.schema.json", 1 << 20);
  REQUIRE(file);
  CHECK(*file == json_schema());
}

TEST_CASE("the reference lists every key and every code") {
  std::string text = config_reference_markdown();
  for (const Key& key : keys()) CHECK(text.contains(key.path));
  for (const CodeDoc& c : kCodes) CHECK(text.contains(c.code));
}

TEST_CASE("near words are found, far ones are not") {
  CHECK(did_you_mean("timout", {"timeout", "to"}) == "did you mean 'timeout'?");
  CHECK(did_you_mean("naem", {"name"}) == "did you mean 'name'?");
  CHECK(did_you_mean("xyz", {"name", "to"}).empty());
  CHECK(did_you_mean("", {"a"}).empty());
}

TEST_CASE("one match covers another only where that is certain") {
  auto path = [](PathMatch kind, const char* p) { return Match{kind, p, {}, {}}; };
  Match any;
  CHECK(covers(any, path(PathMatch::exact, "/a")));
  CHECK(covers(path(PathMatch::prefix, "/"), any));
  CHECK_FALSE(covers(path(PathMatch::prefix, "/a"), any));
  CHECK(covers(path(PathMatch::prefix, "/a"), path(PathMatch::prefix, "/a/b")));
  CHECK(covers(path(PathMatch::prefix, "/a/"), path(PathMatch::exact, "/a")));
  CHECK_FALSE(covers(path(PathMatch::prefix, "/a"), path(PathMatch::prefix, "/ab")));
  CHECK_FALSE(covers(path(PathMatch::exact, "/a"), path(PathMatch::prefix, "/a")));
  Match get{PathMatch::any, "", {}, {"GET"}}, get_post{PathMatch::any, "", {}, {"GET", "POST"}};
  CHECK(covers(get_post, get));
  CHECK_FALSE(covers(get, get_post));
  CHECK_FALSE(covers(get, any));
  Match x{PathMatch::any, "", {{{}, "x", ValueMatchKind::present, ""}}, {}},
      x1{PathMatch::any, "", {{{}, "x", ValueMatchKind::exact, "1"}}, {}};
  CHECK(covers(x, x1));
  CHECK_FALSE(covers(x1, x));
  CHECK_FALSE(covers(x, any));
}

}  // namespace meshd::model
