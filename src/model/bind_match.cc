// SPDX-License-Identifier: Apache-2.0
// bind_match.cc: step 3 of 4, one part: a route's match. Reads routes[].match. Next: check_model.cc
#include "model/bind_match.h"

#include "model/regex.h"

namespace meshd::model {
namespace {

class MatchBinder {
 public:
  explicit MatchBinder(Findings& findings) : findings_(findings) {}

  Match match(const Reader& r) {
    Match out;
    path(r.below("path"), out);
    out.methods = r.texts("methods");
    values(r, "headers", "routes[].match.headers.*", out.headers);
    for (ValueMatch& h : out.headers) h.name = lower_case(h.name);
    values(r, "query", "routes[].match.query.*", out.query);
    out.hosts = hosts(r, "host");
    r.each("from", [&](const YamlNode& n) {
      if (auto p = bind_principal(n, findings_)) out.from.push_back(*p);
    });
    if (r.has("grpc")) grpc(r, out.grpc);
    out.server_names = hosts(r, "sni");
    out.opaque = r.flag("tcp");
    if (r.has("tcp") && !out.opaque) only_true(r.at("tcp"), "tcp", "leave the key out to mean any");
    // An empty list would read as "none" and act as "any".
    for (std::string_view key : {"methods", "host", "from", "sni"})
      if (const YamlNode* n = r.find(key); n && n->kind == YamlNode::list && n->items.empty())
        findings_.error(md::missing_key, r.at(key), length(key), "an empty list").hint =
            "leave the key out to mean any";
    return out;
  }

 private:
  static uint32_t length(std::string_view key) { return static_cast<uint32_t>(key.size()); }

  void path(const Reader& r, Match& out) {
    for (PathMatch kind : {PathMatch::prefix, PathMatch::exact, PathMatch::regex}) {
      std::string_view key = name_of(kind);
      if (!r.has(key)) continue;
      if (out.path_kind != PathMatch::any)
        findings_.error(md::duplicate_key, r.at(key), length(key),
                        "a path match is one of prefix, exact, regex");
      out.path_kind = kind;
      out.path = r.text(key);
      if (kind == PathMatch::regex) check_regex(*r.find(key), findings_);
    }
  }

  void values(const Reader& r, std::string_view key, const char* row, std::vector<ValueMatch>& out) {
    const YamlNode* all = r.find(key);
    if (!all) return;
    for (const YamlPair& pair : all->pairs) {
      Reader one(pair.value, row);
      ValueMatch m;
      m.at = pair.key.at;
      m.name = pair.key.text;
      int given = 0;
      for (ValueMatchKind kind : {ValueMatchKind::exact, ValueMatchKind::prefix, ValueMatchKind::regex}) {
        if (!one.has(name_of(kind))) continue;
        ++given;
        m.kind = kind;
        m.value = one.text(name_of(kind));
        if (kind == ValueMatchKind::regex) check_regex(*one.find("regex"), findings_);
      }
      for (ValueMatchKind kind : {ValueMatchKind::present, ValueMatchKind::absent}) {
        if (!one.has(name_of(kind))) continue;
        ++given;
        m.kind = kind;
        if (!one.flag(name_of(kind)))
          only_true(one.at(name_of(kind)), name_of(kind),
                    kind == ValueMatchKind::present ? "write absent: true" : "write present: true");
      }
      if (given != 1)
        findings_.error(md::missing_key, pair.key.at, pair.key.length,
                        "a match of a value takes one of exact, prefix, regex, present, absent");
      out.push_back(std::move(m));
    }
  }

  void only_true(SourcePos at, std::string_view key, const char* hint) {
    findings_.error(md::choice, at, length(key), "only true has a meaning here").hint = hint;
  }

  std::vector<std::string> hosts(const Reader& r, std::string_view key) {
    std::vector<std::string> out;
    r.each(key, [&](const YamlNode& n) {
      std::string host = lower_case(n.text);
      if (!is_host_pattern(host))
        findings_.error(md::malformed, n.at, n.length, in_quotes(n.text) + " is not a host name").hint =
            "such as shop.example.com, or *.example.com for all below; without a port";
      out.push_back(std::move(host));
    });
    return out;
  }

  void grpc(const Reader& match, GrpcMatch& out) {
    Reader r = match.below("grpc");
    out.at = match.at("grpc");
    for (auto [key, value] : {std::pair{"service", &out.service}, {"method", &out.method}}) {
      *value = r.text(key);
      if (!value->contains('/')) continue;
      const YamlNode& n = *r.find(key);
      findings_.error(md::malformed, n.at, n.length, in_quotes(n.text) + " is not a gRPC " + key).hint =
          "service: shop.Cart, method: Add";
    }
  }

  Findings& findings_;
};

}  // namespace

Match bind_match(const Reader& match, Findings& findings) { return MatchBinder(findings).match(match); }

std::optional<Principal> bind_principal(const YamlNode& node, Findings& findings) {
  auto p = parse_principal(node.text);
  if (p)
    p->at = node.at;
  else
    findings.error(md::malformed, node.at, node.length, in_quotes(node.text) + " is not a caller").hint =
        "write service/NAME, node/NAME, gateway or *";
  return p;
}

void check_regex(const YamlNode& node, Findings& findings) {
  if (node.kind != YamlNode::scalar) return;
  if (auto re = Regex::compile(node.text); !re)
    findings.error(md::malformed, node.at, node.length,
                   in_quotes(node.text) + " is not a regular expression: " + re.error().what);
}

}  // namespace meshd::model
