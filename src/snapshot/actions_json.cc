// SPDX-License-Identifier: Apache-2.0
#include "snapshot/actions_json.h"

#include <array>

namespace meshd {
namespace {

using namespace std::string_view_literals;
using model::FieldChange;
using model::FieldChanges;
using model::PathChange;

constexpr std::array kPathChanges = {"none"sv, "full"sv, "prefix"sv, "regex"sv};
constexpr std::array kStickyKeys = {"none"sv, "header"sv, "cookie"sv, "query"sv, "source"sv};

template <class E, size_t N>
E word(In& in, const char* key, const std::array<std::string_view, N>& words) {
  std::string text = in.text(key, words[0]);
  for (size_t i = 0; i < N; ++i)
    if (words[i] == text) return static_cast<E>(i);
  in.wrong(key);
  return static_cast<E>(0);
}

// Runs `read` on the object at `key`, if there is one.
template <class F>
void part(In& parent, const char* key, F read) {
  if (!parent.has(key)) return;
  In in(parent.take(key), parent.error(), parent.base());
  read(in);
}

Json changes_json(const std::vector<FieldChange>& changes) {
  JsonArray out;
  for (const FieldChange& c : changes) out.push_back(Json(JsonArray{json(c.name), json(c.value)}));
  return Json(std::move(out));
}

std::vector<FieldChange> read_changes(In& in, const char* key) {
  std::vector<FieldChange> out;
  in.each(key, [&](const Json& j) {
    if (!j.is<JsonArray>() || j.get<JsonArray>().size() != 2) return in.wrong(key);
    const JsonArray& a = j.get<JsonArray>();
    if (!a[0].is<std::string>() || !a[1].is<std::string>()) return in.wrong(key);
    out.push_back({a[0].get<std::string>(), a[1].get<std::string>()});
  });
  return out;
}

void write_fields(Out& o, const char* key, const FieldChanges& f) {
  if (f.empty()) return;
  Out part(o.base());
  part.texts("remove", f.remove);
  if (!f.set.empty()) part.value("set", changes_json(f.set));
  if (!f.add.empty()) part.value("add", changes_json(f.add));
  o.value(key, part.done());
}

void read_fields(In& parent, const char* key, FieldChanges& out) {
  part(parent, key, [&](In& in) {
    out.remove = in.texts("remove");
    out.set = read_changes(in, "set");
    out.add = read_changes(in, "add");
  });
}

void write_path(Out& o, const PathChange& p) {
  if (p.kind == PathChange::none) return;
  Out part(o.base());
  part.place("at", p.at);
  part.text("kind", kPathChanges[p.kind]);
  part.text("pattern", p.pattern);
  part.text("value", p.value);
  o.value("path", part.done());
}

void read_path(In& parent, PathChange& out) {
  part(parent, "path", [&](In& in) {
    out.at = in.place("at");
    out.kind = word<PathChange::Kind>(in, "kind", kPathChanges);
    out.pattern = in.text("pattern");
    out.value = in.text("value");
  });
}

}  // namespace

void write_actions(Out& out, const model::Actions& a) {
  write_fields(out, "request_fields", a.request);
  write_fields(out, "response_fields", a.response);
  auto with = [&](const char* key, const auto& action, auto write) {
    if (!action) return;
    Out o(out.base());
    o.place("at", action->at);
    write(o, *action);
    out.value(key, o.done());
  };
  with("rewrite", a.rewrite, [](Out& o, const model::Rewrite& r) {
    write_path(o, r.path);
    o.text("host", r.host);
  });
  with("redirect", a.redirect, [](Out& o, const model::Redirect& r) {
    o.number("status", r.status);
    o.text("scheme", r.scheme);
    o.text("host", r.host);
    o.number("port", r.port);
    write_path(o, r.path);
  });
  with("respond", a.respond, [](Out& o, const model::Respond& r) {
    o.number("status", r.status);
    o.text("body", r.body);
    o.text("content_type", r.content_type);
  });
  with("cors", a.cors, [](Out& o, const model::Cors& c) {
    o.texts("allow_origins", c.allow_origins);
    o.texts("allow_methods", c.allow_methods);
    o.texts("allow_headers", c.allow_headers);
    o.texts("expose_headers", c.expose_headers);
    o.flag("allow_credentials", c.allow_credentials);
    o.number("max_age_s", c.max_age.count());
  });
  with("fault", a.fault, [](Out& o, const model::Fault& f) {
    o.number("delay_ms", f.delay.count());
    o.number("delay_share", f.delay_share);
    o.number("abort_status", f.abort_status);
    o.number("abort_share", f.abort_share);
  });
  with("mirror", a.mirror, [](Out& o, const model::Mirror& m) {
    o.text("service", m.service);
    o.words("tags", m.tags);
    o.number("share", m.share);
  });
}

model::Actions read_actions(In& in) {
  model::Actions a;
  read_fields(in, "request_fields", a.request);
  read_fields(in, "response_fields", a.response);
  auto with = [&](const char* key, auto& action, auto read) {
    part(in, key, [&](In& o) {
      action.emplace().at = o.place("at");
      read(o, *action);
    });
  };
  with("rewrite", a.rewrite, [](In& o, model::Rewrite& r) {
    read_path(o, r.path);
    r.host = o.text("host");
  });
  with("redirect", a.redirect, [](In& o, model::Redirect& r) {
    r.status = o.number<uint16_t>("status");
    r.scheme = o.text("scheme");
    r.host = o.text("host");
    r.port = o.number<uint16_t>("port");
    read_path(o, r.path);
  });
  with("respond", a.respond, [](In& o, model::Respond& r) {
    r.status = o.number<uint16_t>("status");
    r.body = o.text("body");
    r.content_type = o.text("content_type");
  });
  with("cors", a.cors, [](In& o, model::Cors& c) {
    c.allow_origins = o.texts("allow_origins");
    c.allow_methods = o.texts("allow_methods");
    c.allow_headers = o.texts("allow_headers");
    c.expose_headers = o.texts("expose_headers");
    c.allow_credentials = o.flag("allow_credentials");
    c.max_age = std::chrono::seconds(o.number<int64_t>("max_age_s"));
  });
  with("fault", a.fault, [](In& o, model::Fault& f) {
    f.delay = o.ms("delay_ms");
    f.delay_share = o.number<uint32_t>("delay_share");
    f.abort_status = o.number<uint16_t>("abort_status");
    f.abort_share = o.number<uint32_t>("abort_share");
  });
  with("mirror", a.mirror, [](In& o, model::Mirror& m) {
    m.service = o.text("service");
    m.tags = o.words("tags");
    m.share = o.number<uint32_t>("share");
  });
  return a;
}

void write_sticky(Out& out, const model::Sticky& s) {
  if (s.key == model::Sticky::none) return;
  Out o(out.base());
  o.text("key", kStickyKeys[s.key]);
  o.text("name", s.name);
  out.value("sticky", o.done());
}

model::Sticky read_sticky(In& in) {
  model::Sticky s;
  part(in, "sticky", [&](In& o) {
    s.key = word<model::Sticky::Key>(o, "key", kStickyKeys);
    s.name = o.text("name");
  });
  return s;
}

}  // namespace meshd
