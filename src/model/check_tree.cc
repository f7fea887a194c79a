// SPDX-License-Identifier: Apache-2.0
// check_tree.cc: step 2 of 4. Is every key known, of the right kind, and acted on by this version?
// Reads the tree of yaml.cc. Next: bind.cc, which may then rely on the shape or skip what is wrong.
#include "model/check_tree.h"

#include "model/keys.h"
#include "model/scalars.h"

namespace meshd::model {
namespace {

struct Problem {
  std::string_view code;
  std::string message;
  std::string hint;
};

std::string range_text(const Key& key) {
  size_t dots = key.choices.find("..");
  return std::string(key.choices.substr(0, dots)) + " to " + std::string(key.choices.substr(dots + 2));
}

Problem malformed(const Key& key, const YamlNode& node, std::string_view code = md::malformed) {
  return {code, in_quotes(node.text) + " is not " + std::string(describe(key.type)), {}};
}

// A number, but nothing after it: the commonest slip.
bool bare_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::optional<Problem> check_duration(const Key& key, const YamlNode& node) {
  auto d = parse_duration(node.text);
  if (!d) {
    Problem p = malformed(key, node, md::unit);
    if (bare_number(node.text)) p.hint = "write " + node.text + "s or " + node.text + "ms";
    return p;
  }
  size_t dots = key.choices.find("..");
  if (dots == std::string_view::npos) return std::nullopt;
  if (*d < *parse_duration(key.choices.substr(0, dots)) || *d > *parse_duration(key.choices.substr(dots + 2)))
    return Problem{md::range, in_quotes(node.text) + " is out of range", range_text(key)};
  return std::nullopt;
}

std::optional<Problem> check_integer(const Key& key, const YamlNode& node) {
  auto n = parse_integer(node.text);
  if (!n) return malformed(key, node, md::wrong_type);
  if (node.quoted)
    return Problem{md::wrong_type, "this is text, not a number", "without quotes: " + node.text};
  Range r = range_of(key);
  if (*n < r.min || *n > r.max) return Problem{md::range, node.text + " is out of range", range_text(key)};
  return std::nullopt;
}

std::optional<Problem> check_choice(const Key& key, const YamlNode& node, bool quiet) {
  std::vector<std::string_view> words;
  for (const Choice& c : choices_of(key)) {
    words.push_back(c.word);
    if (c.word != node.text) continue;
    if (c.support == Support::now || quiet) return std::nullopt;
    return Problem{c.support == Support::refused ? md::unsupported : md::no_effect,
                   in_quotes(node.text) + " is not supported in this version",
                   {}};
  }
  std::string hint = did_you_mean(node.text, words);
  return Problem{md::choice, in_quotes(node.text) + " is not one of " + list_words(words), hint};
}

std::optional<Problem> check_name(const Key& key, const YamlNode& node) {
  if (is_dns_label(node.text)) return std::nullopt;
  return malformed(key, node, md::bad_name);
}

// One scalar of the key's type, or one item where the type is a list of scalars.
std::optional<Problem> check_scalar(const Key& key, const YamlNode& node, bool quiet) {
  auto require = [&](bool ok, std::string_view code) {
    return ok ? std::nullopt : std::optional(malformed(key, node, code));
  };
  const std::string& text = node.text;
  switch (key.type) {
    case Type::text:
    case Type::texts: return require(!text.empty() || node.quoted, md::wrong_type);
    case Type::name:
    case Type::services: return check_name(key, node);
    case Type::trust_domain: return require(is_trust_domain(text), md::bad_name);
    case Type::flag: return require(!node.quoted && (text == "true" || text == "false"), md::wrong_type);
    case Type::integer: return check_integer(key, node);
    case Type::duration: return check_duration(key, node);
    case Type::duration_range: return require(parse_duration_range(text).has_value(), md::unit);
    case Type::percent: {
      Problem p = malformed(key, node, md::unit);
      if (bare_number(text)) p.hint = "write " + text + "%";
      return parse_percent(text) ? std::nullopt : std::optional(p);
    }
    case Type::rate: {
      Problem p = malformed(key, node, md::unit);
      if (bare_number(text)) p.hint = "write " + text + "/s";
      return parse_rate(text) ? std::nullopt : std::optional(p);
    }
    case Type::choice:
    case Type::choices: return check_choice(key, node, quiet);
    case Type::methods: {
      if (is_method(text)) return std::nullopt;
      Problem p{md::malformed, in_quotes(text) + " is not an HTTP method", {}};
      std::string upper = text;
      for (char& c : upper)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
      if (is_method(upper)) p.hint = "did you mean " + in_quotes(upper) + "? Methods are case-sensitive";
      return p;
    }
    case Type::path: return require(is_path(text), md::malformed);
    case Type::patterns: {
      if (is_path_pattern(text)) return std::nullopt;
      Problem p{md::malformed, in_quotes(text) + " is not a path pattern", {}};
      p.hint = text.contains("**") ? "** stands alone between slashes: /debug/**"
                                   : "it begins with /, without query";
      return p;
    }
    case Type::ip: return require(is_ip(text), md::malformed);
    case Type::address: return require(parse_address(text).has_value(), md::malformed);
    case Type::status: return require(parse_status_range(text).has_value(), md::malformed);
    case Type::request: return require(parse_request(text).has_value(), md::malformed);
    case Type::principals:  // bind.cc reads them
    case Type::map:
    case Type::named:
    case Type::list:
    case Type::words: return std::nullopt;
  }
  return std::nullopt;
}

bool takes_list(Type t) {
  return t == Type::choices || t == Type::texts || t == Type::methods || t == Type::patterns ||
         t == Type::principals || t == Type::services;
}

class TreeCheck {
 public:
  explicit TreeCheck(Findings& findings) : findings_(findings) {}

  // `path` is the table's, `shown` the reader's: services.* and services.web. `quiet`: below a key already said to be unsupported.
  void map(const YamlNode& node, std::string_view path, const std::string& shown, SourcePos at,
           uint32_t length, bool quiet) {
    const auto& rows = keys_below(path);
    for (const YamlPair& pair : node.pairs) {
      const Key* key = nullptr;
      for (const Key* row : rows)
        if (leaf(*row) == pair.key.text) key = row;
      if (!key) {
        std::vector<std::string_view> names;
        for (const Key* row : rows) names.push_back(leaf(*row));
        unknown(pair, names, shown);
        continue;
      }
      value(pair, *key, shown.empty() ? pair.key.text : shown + "." + pair.key.text, quiet);
    }
    for (const Key* row : rows)
      if (required(*row) && !node.pair(leaf(*row)))
        findings_.error(
            md::missing_key, at, length,
            "key " + in_quotes(leaf(*row)) + " is missing in " + (shown.empty() ? "the file" : shown));
  }

 private:
  void unknown(const YamlPair& pair, const std::vector<std::string_view>& names, const std::string& shown) {
    Diagnostic& d = findings_.error(
        md::unknown_key, pair.key.at, pair.key.length,
        "unknown key " + in_quotes(pair.key.text) + (shown.empty() ? " at the top" : " in " + shown));
    if (findings_.full()) return;
    d.hint = did_you_mean(pair.key.text, names);
    if (d.hint.empty()) d.hint = "known here: " + list_words(names);
  }

  void value(const YamlPair& pair, const Key& key, const std::string& shown, bool quiet) {
    if (!quiet && key.support != Support::now) {
      bool refused = key.support == Support::refused;
      std::string message = in_quotes(shown) + " is not supported in this version";
      if (refused)
        findings_.error(md::unsupported, pair.key.at, pair.key.length, message).hint = "take it out";
      else
        findings_.warning(md::no_effect, pair.key.at, pair.key.length, message).hint = "it has no effect";
      quiet = true;
    }
    node(pair.value, key, shown, pair.key.at, pair.key.length, quiet);
  }

  // `at` and `length` point at the key, or at the item, that holds the value.
  void node(const YamlNode& n, const Key& key, const std::string& shown, SourcePos at, uint32_t length,
            bool quiet) {
    switch (key.type) {
      case Type::map:
        if (kind(n, YamlNode::map, key, shown)) map(n, key.path, shown, at, length, quiet);
        return;
      case Type::named:
        if (kind(n, YamlNode::map, key, shown)) named(n, key, shown, quiet);
        return;
      case Type::list:
        if (kind(n, YamlNode::list, key, shown)) list(n, key, shown, quiet);
        return;
      case Type::words:
        if (kind(n, YamlNode::map, key, shown)) words(n, key, shown);
        return;
      default: break;
    }
    if (takes_list(key.type) && n.kind == YamlNode::list) {
      for (const YamlNode& item : n.items) scalar(item, key, shown, quiet);
    } else {
      scalar(n, key, shown, quiet);
    }
  }

  void scalar(const YamlNode& n, const Key& key, const std::string& shown, bool quiet) {
    if (n.kind != YamlNode::scalar || n.is_null()) {
      findings_
          .error(md::wrong_type, n.at, n.length,
                 in_quotes(shown) +
                     (n.kind == YamlNode::scalar ? " has no value" : " has a value of the wrong kind"))
          .hint = "it takes " + std::string(describe(key.type));
      return;
    }
    auto problem = check_scalar(key, n, quiet);
    if (!problem) return;
    std::string message = problem->message + ", in " + shown;
    Diagnostic& d = problem->code == md::no_effect ? findings_.warning(problem->code, n.at, n.length, message)
                                                   : findings_.error(problem->code, n.at, n.length, message);
    d.hint = problem->hint;
  }

  bool kind(const YamlNode& n, YamlNode::Kind wanted, const Key& key, const std::string& shown) {
    if (n.kind == wanted) return true;
    // Nothing may be written for an empty map or list, but not where empty means "everything".
    bool everything = key.path.starts_with("routes[]") || key.path.starts_with("policy.rules[]");
    if (n.is_null() && !everything) return true;
    findings_.error(md::wrong_type, n.at, n.length, in_quotes(shown) + " has a value of the wrong kind")
        .hint = "it takes " + std::string(describe(key.type));
    return false;
  }

  void named(const YamlNode& n, const Key& key, const std::string& shown, bool quiet) {
    std::string below = std::string(key.path) + ".*";
    const Key* row = find_key(below);
    bool fields = key.path.ends_with(".headers"), parameters = key.path.ends_with(".query");
    for (const YamlPair& pair : n.pairs) {
      if (parameters ? pair.key.text.empty()
          : fields   ? !is_field_name(pair.key.text)
                     : !is_dns_label(pair.key.text))
        findings_.error(md::bad_name, pair.key.at, pair.key.length,
                        in_quotes(pair.key.text) + " is not " +
                            (parameters ? "a query parameter's name"
                             : fields   ? "a header field's name"
                                        : std::string(describe(Type::name))) +
                            ", in " + shown);
      if (row) node(pair.value, *row, shown + "." + pair.key.text, pair.key.at, pair.key.length, quiet);
    }
  }

  void list(const YamlNode& n, const Key& key, const std::string& shown, bool quiet) {
    const Key* row = find_key(std::string(key.path) + "[]");
    size_t i = 0;
    for (const YamlNode& item : n.items) {
      const YamlNode* name = item.find("name");
      std::string which =
          name && name->kind == YamlNode::scalar && is_dns_label(name->text) ? name->text : std::to_string(i);
      if (row) node(item, *row, shown + "[" + which + "]", item.at, item.length, quiet);
      ++i;
    }
  }

  void words(const YamlNode& n, const Key& key, const std::string& shown) {
    for (const YamlPair& pair : n.pairs) {
      if (pair.key.text.empty() || pair.key.text.size() > 128)
        findings_.error(md::bad_name, pair.key.at, pair.key.length, "an empty or too long name in " + shown);
      if (pair.value.kind != YamlNode::scalar || pair.value.is_null())
        findings_
            .error(md::wrong_type, pair.value.at, pair.value.length,
                   in_quotes(shown + "." + pair.key.text) + " has no text for a value")
            .hint = "it takes " + std::string(describe(key.type));
    }
  }

  Findings& findings_;
};

}  // namespace

void check_tree(const YamlNode& root, Findings& findings) {
  if (root.kind != YamlNode::map) {
    if (!root.is_null())
      findings.error(md::wrong_type, root.at, root.length,
                     "the file must be a map of keys, such as services: and policy:");
    else
      findings.error(md::missing_key, {}, 1, "the file is empty");
    return;
  }
  TreeCheck(findings).map(root, "", "", root.at, 1, false);
}

}  // namespace meshd::model
