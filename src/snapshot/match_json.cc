// SPDX-License-Identifier: Apache-2.0
#include "snapshot/match_json.h"

#include <array>

namespace meshd {
namespace {

using model::PathMatch;
using model::Principal;
using model::ValueMatch;
using model::ValueMatchKind;

constexpr std::array kPathMembers = {std::pair{PathMatch::exact, "path_exact"},
                                     std::pair{PathMatch::prefix, "path_prefix"},
                                     std::pair{PathMatch::regex, "path_regex"}};

void write_values(Out& o, const char* key, const std::vector<ValueMatch>& values) {
  o.list(key, values, [&](const ValueMatch& v) {
    Out item(o.base());
    item.place("at", v.at);
    item.text("name", v.name);
    item.text("kind", name_of(v.kind));
    item.text("value", v.value);
    return item.done();
  });
}

std::vector<ValueMatch> read_values(In& in, const char* key) {
  std::vector<ValueMatch> out;
  in.each(key, [&](const Json& j) {
    In item(j, in.error(), in.base());
    ValueMatch v;
    v.at = item.place("at");
    v.name = item.text("name");
    if (!item.has("kind")) item.wrong("kind");
    v.kind = item.choice("kind", ValueMatchKind::absent, 5);
    v.value = item.text("value");
    out.push_back(std::move(v));
  });
  return out;
}

}  // namespace

Json write_match(const model::Match& m, SourcePos base) {
  Out o(base);
  for (auto [kind, member] : kPathMembers)
    if (m.path_kind == kind) o.text(member, m.path);
  write_values(o, "headers", m.headers);
  o.texts("methods", m.methods);
  write_values(o, "query", m.query);
  o.texts("hosts", m.hosts);
  write_principals(o, m.from);
  if (m.grpc.wanted()) {
    Out g(base);
    g.place("at", m.grpc.at);
    g.text("service", m.grpc.service);
    g.text("method", m.grpc.method);
    o.value("grpc", g.done());
  }
  o.texts("sni", m.server_names);
  o.flag("tcp", m.opaque);
  return o.done();
}

model::Match read_match(const Json& j, In& parent) {
  In in(j, parent.error(), parent.base());
  model::Match m;
  for (auto [kind, member] : kPathMembers) {
    if (!in.has(member)) continue;
    if (m.path_kind != PathMatch::any) in.wrong(member);
    m.path_kind = kind;
    m.path = in.text(member);
  }
  m.headers = read_values(in, "headers");
  m.methods = in.texts("methods");
  m.query = read_values(in, "query");
  m.hosts = in.texts("hosts");
  m.from = read_principals(in);
  if (in.has("grpc")) {
    In g(in.take("grpc"), in.error(), in.base());
    m.grpc.at = g.place("at");
    if (!m.grpc.wanted()) g.wrong("grpc");
    m.grpc.service = g.text("service");
    m.grpc.method = g.text("method");
  }
  m.server_names = in.texts("sni");
  m.opaque = in.flag("tcp");
  return m;
}

void write_principals(Out& out, const std::vector<Principal>& from) {
  out.list("from", from, [&](const Principal& p) {
    Out item(out.base());
    item.place("at", p.at);
    item.text(p.kind == Principal::service ? "service"
              : p.kind == Principal::node  ? "node"
                                           : "any",
              p.kind == Principal::any ? "*" : p.name);
    return item.done();
  });
}

std::vector<Principal> read_principals(In& in) {
  std::vector<Principal> out;
  in.each("from", [&](const Json& j) {
    In p(j, in.error(), in.base());
    Principal one;
    one.at = p.place("at");
    if (p.has("service"))
      one.name = p.text("service");
    else if (p.has("node"))
      one.kind = Principal::node, one.name = p.text("node");
    else if (p.text("any") == "*")
      one.kind = Principal::any;
    else
      p.wrong("from");
    out.push_back(std::move(one));
  });
  return out;
}

}  // namespace meshd
