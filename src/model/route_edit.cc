// SPDX-License-Identifier: Apache-2.0
// route_edit.cc: parse with places → list the changes of bytes → apply them from the end → parse again, and compare: whatever
// else changed makes it an error. The text is never printed from the tree.
#include "model/route_edit.h"

#include <algorithm>
#include <cassert>

#include "model/diagnostics.h"
#include "model/scalars.h"
#include "model/yaml.h"

namespace meshd::model {
namespace {

struct Splice {
  size_t at, length;  // what goes away
  std::string text;   // what comes in its place
};

std::unexpected<Detailed> cannot(std::string_view route, const std::string& why) {
  return fail(Errc::unsupported,
              "route " + in_quotes(route) + " cannot be edited in place: " + why + "; edit the file by hand");
}

Outcome<YamlNode> tree_of(std::string_view text) {
  Findings findings;
  auto tree = parse_yaml(text, findings);
  if (tree && !findings.has_errors()) return std::move(*tree);
  std::vector<Diagnostic> all = findings.take();
  std::string why =
      all.empty() ? "unreadable" : "line " + std::to_string(all.front().at.line) + ": " + all.front().message;
  return fail(Errc::invalid_argument, "the file cannot be edited in place: " + why);
}

Outcome<size_t> find_route(const YamlNode& root, std::string_view name) {
  const YamlNode* routes = root.find("routes");
  std::vector<std::string_view> names;
  if (routes != nullptr)
    for (size_t i = 0; i < routes->items.size(); ++i) {
      const YamlNode* n = routes->items[i].find("name");
      if (n == nullptr) continue;
      if (n->text == name) return i;
      names.push_back(n->text);
    }
  std::string hint = did_you_mean(name, names);
  if (hint.empty()) hint = names.empty() ? "the file has no routes" : "there are " + list_words(names);
  return fail(Errc::not_found, "there is no route " + in_quotes(name) + "; " + hint);
}

// A word as YAML that means this text and nothing else.
std::string word(std::string_view text) {
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  auto plain = [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  };
  bool simple = !text.empty() && letter(text.front()) && std::ranges::all_of(text, plain);
  for (std::string_view special : {"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
    simple = simple && lower_case(text) != special;
  if (simple) return std::string(text);
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string arm_text(const RouteTo& arm) {
  std::string out = "{ ";
  if (!arm.service.empty()) out += "service: " + word(arm.service) + ", ";
  if (!arm.tags.empty()) {
    std::string tags;
    for (const auto& [key, value] : arm.tags)
      tags += (tags.empty() ? "" : ", ") + word(key) + ": " + word(value);
    out += "tags: { " + tags + " }, ";
  }
  return out + "weight: " + std::to_string(arm.weight) + " }";
}

bool is_arm(const YamlNode& item, const RouteTo& arm) {
  const YamlNode* service = item.find("service");
  if ((service ? service->text : std::string()) != arm.service) return false;
  Tags tags;
  if (const YamlNode* t = item.find("tags"))
    for (const YamlPair& p : t->pairs) tags[p.key.text] = p.value.text;
  return tags == arm.tags;
}

// Lines as the text has them.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {}
  size_t start(size_t at) const {
    size_t nl = at == 0 ? std::string_view::npos : text_.rfind('\n', at - 1);
    return nl == std::string_view::npos ? 0 : nl + 1;
  }
  // Where the line of `at` ends: before its line end.
  size_t end(size_t at) const {
    size_t nl = std::min(text_.find('\n', at), text_.size());
    return nl > at && text_[nl - 1] == '\r' ? nl - 1 : nl;
  }
  std::string newline() const { return text_.find("\r\n") == std::string_view::npos ? "\n" : "\r\n"; }
  // Of a block: as many spaces as stand, or would stand, before `at`.
  std::string indent(size_t at) const { return std::string(at - start(at), ' '); }
  std::string_view text() const { return text_; }

 private:
  std::string_view text_;
};

// One more line in a block, behind the line that holds `last`.
Splice line_after(const Lines& lines, size_t last, const std::string& line) {
  return {lines.end(last), 0, lines.newline() + line};
}

// One more `key: value` in a map.
Splice pair_in(const Lines& lines, const YamlNode& map, const std::string& pair) {
  if (!map.flow) return line_after(lines, map.end, lines.indent(map.begin) + pair);
  if (map.pairs.empty()) return {map.begin, map.end - map.begin, "{ " + pair + " }"};
  return {std::max(map.pairs.back().key.end, map.pairs.back().value.end), 0, ", " + pair};
}

Outcome<> weight_of(const Lines& lines, std::string_view route, const YamlNode& item, uint32_t weight,
                    std::vector<Splice>& splices) {
  const YamlNode* now = item.find("weight");
  std::string wanted = std::to_string(weight);
  if (now == nullptr) {
    if (weight != 1) splices.push_back(pair_in(lines, item, "weight: " + wanted));
    return {};
  }
  if (now->kind != YamlNode::scalar || now->end <= now->begin || now->quoted ||
      lines.text().substr(now->begin, now->end - now->begin) != now->text)
    return cannot(route, "the weight at line " + std::to_string(now->at.line) + " is not a plain number");
  if (parse_integer(now->text) != static_cast<int64_t>(weight))
    splices.push_back({now->begin, now->end - now->begin, wanted});
  return {};
}

// New arms at the end of the list.
Outcome<> more_arms(const Lines& lines, std::string_view route, const YamlNode& to,
                    const std::vector<RouteTo>& arms, std::vector<Splice>& splices) {
  if (arms.empty()) return {};
  const YamlNode& last = to.items.back();
  std::string text;
  if (to.flow) {
    for (const RouteTo& arm : arms) text += ", " + arm_text(arm);
    splices.push_back({last.end, 0, std::move(text)});
    return {};
  }
  size_t dash = last.begin;
  while (dash > lines.start(last.begin) && lines.text()[dash] != '-') --dash;
  if (lines.text()[dash] != '-' ||
      lines.text().substr(dash + 1, last.begin - dash - 1).find_first_not_of(' ') != std::string_view::npos)
    return cannot(route,
                  "the item at line " + std::to_string(last.at.line) + " does not begin on its dash's line");
  for (const RouteTo& arm : arms) text += lines.newline() + lines.indent(dash) + "- " + arm_text(arm);
  splices.push_back({lines.end(last.end), 0, std::move(text)});
  return {};
}

Splice whole_list(const Lines& lines, const YamlNode& item, const std::vector<RouteTo>& arms) {
  std::string text;
  if (item.flow) {
    for (const RouteTo& arm : arms) text += (text.empty() ? "" : ", ") + arm_text(arm);
    return pair_in(lines, item, "to: [" + text + "]");
  }
  std::string indent = lines.indent(item.begin);
  text = indent + "to:";
  for (const RouteTo& arm : arms) text += lines.newline() + indent + "  - " + arm_text(arm);
  return line_after(lines, item.end, text);
}

// Equal but for places, and for what `skip` is on the left side.
bool same(const YamlNode& a, const YamlNode& b, const YamlNode* skip) {
  if (a.kind != b.kind || a.text != b.text || a.quoted != b.quoted) return false;
  if (a.items.size() != b.items.size()) return false;
  for (size_t i = 0; i < a.items.size(); ++i)
    if (!same(a.items[i], b.items[i], skip)) return false;
  auto left = a.pairs.begin(), right = b.pairs.begin();
  auto pass = [&](auto& it, const YamlNode& node) {
    if (&a == skip && it != node.pairs.end() && it->key.text == "to") ++it;
  };
  for (;; ++left, ++right) {
    pass(left, a);
    pass(right, b);
    if (left == a.pairs.end() || right == b.pairs.end())
      return left == a.pairs.end() && right == b.pairs.end();
    if (left->key.text != right->key.text || !same(left->value, right->value, skip)) return false;
  }
}

bool has_arms(const YamlNode& route, const std::vector<RouteTo>& arms) {
  const YamlNode* to = route.find("to");
  if (to == nullptr || to->items.size() != arms.size()) return false;
  for (size_t i = 0; i < arms.size(); ++i) {
    const YamlNode* weight = to->items[i].find("weight");
    if (!is_arm(to->items[i], arms[i])) return false;
    if ((weight ? parse_integer(weight->text) : 1) != static_cast<int64_t>(arms[i].weight)) return false;
  }
  return true;
}

}  // namespace

std::string arm_label(const Tags& tags, std::string_view other_service) {
  std::string out;
  for (const auto& [key, value] : tags) out += (out.empty() ? "" : ",") + key + "=" + value;
  if (!other_service.empty()) return "service/" + std::string(other_service) + (out.empty() ? "" : " " + out);
  return out.empty() ? "all" : out;
}

Outcome<std::string> set_arms(std::string_view text, std::string_view route,
                              const std::vector<RouteTo>& arms) {
  auto tree = tree_of(text);
  if (!tree) return fail(std::move(tree.error()));
  auto index = find_route(*tree, route);
  if (!index) return fail(std::move(index.error()));
  const YamlNode& item = tree->find("routes")->items[*index];
  if (item.kind != YamlNode::map || arms.empty()) return cannot(route, "it is no map, or would have no arms");

  Lines lines(text);
  std::vector<Splice> splices;
  const YamlNode* to = item.find("to");
  if (to == nullptr) {
    splices.push_back(whole_list(lines, item, arms));
  } else {
    if (to->kind != YamlNode::list || to->items.empty() || to->items.size() > arms.size())
      return cannot(route, "its `to` at line " + std::to_string(item.pair("to")->key.at.line) +
                               " is not a list of the arms it should have");
    size_t i = 0;
    for (; i < to->items.size(); ++i) {
      if (to->items[i].kind != YamlNode::map || !is_arm(to->items[i], arms[i]))
        return cannot(route, "the arm at line " + std::to_string(to->items[i].at.line) + " is not " +
                                 arm_label(arms[i]));
      if (auto ok = weight_of(lines, route, to->items[i], arms[i].weight, splices); !ok)
        return fail(ok.error());
    }
    std::vector<RouteTo> more(arms.begin() + static_cast<std::ptrdiff_t>(i), arms.end());
    if (auto ok = more_arms(lines, route, *to, more, splices); !ok) return fail(ok.error());
  }

  std::string out(text);
  // They come in the order of the text; from its end, places before stay right.
  for (size_t i = splices.size(); i-- > 0;) {
    assert(i == 0 || splices[i - 1].at <= splices[i].at);
    out.replace(splices[i].at, splices[i].length, splices[i].text);
  }

  auto after = tree_of(out);
  const YamlNode* routes = after ? after->find("routes") : nullptr;
  if (routes == nullptr || *index >= routes->items.size() || !has_arms(routes->items[*index], arms) ||
      !same(*tree, *after, &item))
    return cannot(route, "the edit would change more than its arms");
  return out;
}

Outcome<std::string> route_text(std::string_view text, std::string_view route) {
  auto tree = tree_of(text);
  if (!tree) return fail(std::move(tree.error()));
  auto index = find_route(*tree, route);
  if (!index) return fail(std::move(index.error()));
  const YamlNode& item = tree->find("routes")->items[*index];
  return std::string(text.substr(item.begin, item.end - item.begin));
}

}  // namespace meshd::model
