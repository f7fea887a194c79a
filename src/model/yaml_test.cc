// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "base/random.h"
#include "model/yaml.h"

namespace meshd::model {

namespace {

struct Parsed {
  std::optional<YamlNode> tree;
  std::vector<Diagnostic> found;
};
Parsed parse(std::string_view text) {
  Findings f;
  auto tree = parse_yaml(text, f);
  return {std::move(tree), f.take()};
}

}  // namespace

TEST_CASE("every value knows its line and column, in characters") {
  auto p = parse("a: 1\nb: { \"c\": 'x', d: [é, \"ü\", z] }\n");
  REQUIRE(p.tree);
  const YamlNode& b = *p.tree->find("b");
  CHECK(b.at == SourcePos{2, 4});
  CHECK(b.pairs[0].key.at == SourcePos{2, 6});
  CHECK(b.pairs[0].key.length == 3);
  CHECK(b.find("c")->at == SourcePos{2, 11});
  CHECK(b.find("c")->quoted);
  const YamlNode& d = *b.find("d");
  CHECK(d.items[1].at == SourcePos{2, 23});
  CHECK(d.items[1].text == "ü");
  CHECK(d.items[2].at == SourcePos{2, 28});
}

TEST_CASE("text that is not plain YAML is refused at its place") {
  struct {
    std::string_view text, code;
    SourcePos at;
  } const cases[] = {
      {"a: [1, 2\nb: 3\n", md::syntax, {3, 1}},
      {"a: b: c\n", md::syntax, {1, 5}},
      {"a: \"abc\n", md::syntax, {1, 5}},
      {"a: x\n} \n", md::syntax, {2, 1}},
      {"a: %x\n", md::syntax, {1, 4}},
      {"a: &x 1\nb: *x\n", md::yaml_feature, {1, 7}},
      {"a: *x\n", md::yaml_feature, {1, 5}},
      {"a: !!str 1\n", md::yaml_feature, {1, 10}},
      {"a: 1\n---\nb: 2\n", md::yaml_feature, {2, 1}},
      {"? [a]\n: b\n", md::yaml_feature, {1, 3}},
      {"a:\n\tb: 1\n", md::not_text, {2, 1}},
      {"a: \xff\n", md::not_text, {1, 4}},
      {"a: \xc0\xaf\n", md::not_text, {1, 4}},
      {"a: \xed\xa0\x80\n", md::not_text, {1, 4}},
      {"a: x\x01\n", md::not_text, {1, 5}},
  };
  for (const auto& c : cases) {
    INFO(c.text);
    auto p = parse(c.text);
    CHECK_FALSE(p.tree);
    REQUIRE(p.found.size() == 1);
    CHECK(p.found[0].code == c.code);
    CHECK(p.found[0].at == c.at);
  }
}

TEST_CASE("a NUL byte does not hide what follows") {
  auto p = parse(std::string_view("a: 1\0b: 2\n", 10));
  CHECK_FALSE(p.tree);
  CHECK(p.found.at(0).code == md::not_text);
}

TEST_CASE("all duplicate keys are reported and the first one is kept") {
  auto p = parse("a: 1\nb: 2\na: 3\nc: { x: 1, x: 2 }\na: 4\n");
  REQUIRE(p.tree);
  CHECK(p.tree->find("a")->text == "1");
  REQUIRE(p.found.size() == 3);
  CHECK(p.found[0].code == md::duplicate_key);
  CHECK(p.found[0].at == SourcePos{3, 1});
  CHECK(p.found[0].hint == "first at line 1");
  CHECK(p.found[1].at == SourcePos{4, 12});
}

TEST_CASE("depth, size and number of values are bounded") {
  for (const std::string& text : {std::string(100'000, '['), std::string(100'000, '{')}) {
    auto p = parse(text);
    CHECK_FALSE(p.tree);
    CHECK_FALSE(p.found.empty());
  }
  std::string dashes;
  for (int i = 0; i < 50'000; ++i) dashes += "- ";
  CHECK(parse(dashes).found.at(0).code == md::too_much);
  CHECK(parse(std::string(9 * 1024 * 1024, ' ')).found.at(0).code == md::not_text);
  std::string many = "[";
  for (int i = 0; i < 1'100'000; ++i) many += "a,";
  CHECK(parse(many + "]").found.at(0).code == md::too_much);
}

TEST_CASE("random bytes and mutated YAML never crash the parser") {
  FastRandom random(1);
  const std::string seed =
      "services:\n  web: { port: 80, tags: {a: 'b'} }\n  db:\n    - x\n    - |\n      text\n    - "
      "\"q\\\"\"\nroutes: [a, [b], {c: d}]\n# end\n";
  const std::string_view alphabet = "{}[],:-?&*!|>'\"%@`# \n\t~ab\\.é";
  for (int round = 0; round < 20'000; ++round) {
    std::string text = seed;
    for (uint32_t n = random.below(6) + 1; n--;) {
      size_t at = random.below(static_cast<uint32_t>(text.size()));
      switch (random.below(3)) {
        case 0: text[at] = alphabet[random.below(static_cast<uint32_t>(alphabet.size()))]; break;
        case 1: text.erase(at, random.below(8)); break;
        case 2: text.insert(at, 1, alphabet[random.below(static_cast<uint32_t>(alphabet.size()))]); break;
      }
      if (text.empty()) text = "x";
    }
    auto p = parse(text);
    REQUIRE((p.tree.has_value() || !p.found.empty()));
  }
}

}  // namespace meshd::model
