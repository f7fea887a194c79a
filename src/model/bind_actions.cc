// SPDX-License-Identifier: Apache-2.0
// bind_actions.cc: step 3 of 4, one part: a route's actions. Next: check_model.cc
#include "model/bind_actions.h"

#include <algorithm>

#include "base/limits.h"
#include "model/bind_match.h"
#include "model/regex.h"

namespace meshd::model {
namespace {

uint32_t length(std::string_view text) { return static_cast<uint32_t>(text.size()); }

class ActionBinder {
 public:
  ActionBinder(const Reader& route, const Match& match, Findings& findings)
      : r_(route), match_(match), findings_(findings) {}

  Actions actions() {
    Actions out;
    Reader headers = r_.below("headers");
    out.request = fields(headers.below("request"));
    out.response = fields(headers.below("response"));
    if (r_.has("rewrite")) out.rewrite = rewrite();
    if (r_.has("redirect")) out.redirect = redirect();
    if (r_.has("respond")) out.respond = respond();
    if (r_.has("cors")) out.cors = cors();
    if (r_.has("fault")) out.fault = fault();
    if (r_.has("mirror")) out.mirror = mirror();
    alone(out);
    return out;
  }

 private:
  Diagnostic& error(std::string_view code, const YamlNode& n, std::string message) {
    return findings_.error(code, n.at, n.length, std::move(message));
  }

  FieldChanges fields(const Reader& r) {
    FieldChanges out;
    r.each("remove", [&](const YamlNode& n) {
      if (field_name(n.text, n.at, n.length)) out.remove.push_back(lower_case(n.text));
    });
    out.set = changes(r.find("set"));
    out.add = changes(r.find("add"));
    return out;
  }

  std::vector<FieldChange> changes(const YamlNode* map) {
    std::vector<FieldChange> out;
    if (!map) return out;
    for (const YamlPair& p : map->pairs) {
      if (p.value.kind != YamlNode::scalar) continue;
      if (!field_name(p.key.text, p.key.at, p.key.length)) continue;
      if (!is_field_text(p.value.text))
        error(md::malformed, p.value, in_quotes(p.value.text) + " is not a header field's value");
      out.push_back({lower_case(p.key.text), p.value.text});
    }
    return out;
  }

  bool field_name(std::string_view name, SourcePos at, uint32_t width) {
    if (!is_field_name(name)) {
      findings_.error(md::bad_name, at, width, in_quotes(name) + " is not a header field's name");
      return false;
    }
    if (!is_reserved_field(name)) return true;
    findings_.error(md::bad_name, at, width, "the field " + in_quotes(name) + " is not a route's to change")
        .hint = lower_case(name) == "host" ? "rewrite: { host: … }"
                                           : "it carries the message, one hop, or what the mesh says";
    return false;
  }

  PathChange path(const Reader& r) {
    PathChange out;
    if (!r.has("path")) return out;
    Reader p = r.below("path");
    out.at = r.at("path");
    int given = 0;
    if (p.has("replace_full")) ++given, out.kind = PathChange::full, out.value = p.text("replace_full");
    if (p.has("replace_prefix")) {
      ++given;
      out.kind = PathChange::prefix;
      out.value = p.text("replace_prefix");
      if (match_.path_kind != PathMatch::prefix)
        findings_
            .error(md::missing_key, p.at("replace_prefix"), 14,
                   "there is no prefix in the match to be replaced")
            .hint = "match: { path: { prefix: … } }";
    }
    if (p.has("regex")) {
      ++given;
      out.kind = PathChange::regex;
      out.pattern = p.text("regex");
      out.value = p.text("substitution");
      substitution(p, out);
    } else if (p.has("substitution")) {
      findings_.error(md::missing_key, p.at("substitution"), 12, "a substitution goes with a regex");
    }
    if (given != 1)
      findings_.error(md::missing_key, out.at, 4,
                      "a path is changed by one of replace_full, replace_prefix, regex");
    return out;
  }

  void substitution(const Reader& p, const PathChange& change) {
    const YamlNode& n = *p.find("regex");
    check_regex(n, findings_);
    auto regex = Regex::compile(change.pattern);
    const YamlNode* by = p.find("substitution");
    if (by == nullptr)
      findings_.error(md::missing_key, p.at("regex"), 5, "a regex needs a substitution").hint =
          "such as regex: \"^/old/(.*)\", substitution: \"/new/\\1\"";
    else if (regex)
      if (auto good = regex->check_substitution(change.value); !good)
        error(md::malformed, *by, in_quotes(by->text) + " is not a substitution: " + good.error().what);
  }

  std::string host(const Reader& r, bool with_port) {
    const YamlNode* n = r.find("host");
    if (n == nullptr || n->kind != YamlNode::scalar) return {};
    std::string text = lower_case(n->text);
    size_t colon = with_port ? text.find(':') : std::string::npos;
    auto port =
        colon == std::string::npos ? std::optional<int64_t>(1) : parse_integer(text.substr(colon + 1));
    if (text.starts_with('*') || !is_host_pattern(text.substr(0, colon)) || !port || *port < 1 ||
        *port > 65535)
      error(md::malformed, *n, in_quotes(n->text) + " is not a host name");
    return text;
  }

  Rewrite rewrite() {
    Reader r = r_.below("rewrite");
    Rewrite out{r_.at("rewrite"), path(r), host(r, true)};
    if (out.path.kind == PathChange::none && !r.has("path") && out.host.empty())
      findings_.error(md::missing_key, out.at, 7, "a rewrite changes the path, the host, or both");
    return out;
  }

  Redirect redirect() {
    Reader r = r_.below("redirect");
    Redirect out;
    out.at = r_.at("redirect");
    out.status = static_cast<uint16_t>(r.integer("status"));
    if (out.status > 303 && out.status < 307)
      error(md::choice, *r.find("status"),
            std::to_string(out.status) + " is not one of 301, 302, 303, 307, 308");
    out.scheme = r.text("scheme");
    out.host = host(r, false);
    out.port = static_cast<uint16_t>(r.integer("port"));
    out.path = path(r);
    if (out.scheme.empty() && out.host.empty() && out.port == 0 && out.path.kind == PathChange::none)
      findings_.error(md::missing_key, out.at, 8, "a redirect leads elsewhere by scheme, host, port or path")
          .hint = "as it is it leads back to itself";
    return out;
  }

  Respond respond() {
    Reader r = r_.below("respond");
    Respond out;
    out.at = r_.at("respond");
    out.status = static_cast<uint16_t>(r.integer("status"));
    out.body = r.text("body");
    out.content_type = r.text("content_type");
    const YamlNode* type = r.find("content_type");
    if (type && !is_field_text(out.content_type))
      error(md::malformed, *type, in_quotes(out.content_type) + " is not a content type");
    if (out.body.size() > kRespondBodyMax)
      error(md::too_much, *r.find("body"),
            "a body of more than " + std::to_string(kRespondBodyMax) + " bytes");
    if (!out.body.empty() && (out.status == 204 || out.status == 304))
      error(md::malformed, *r.find("body"),
            "an answer with status " + std::to_string(out.status) + " has no body");
    return out;
  }

  Cors cors() {
    Reader r = r_.below("cors");
    Cors out;
    out.at = r_.at("cors");
    r.each("allow_origins", [&](const YamlNode& n) {
      if (!is_origin(n.text))
        error(md::malformed, n, in_quotes(n.text) + " is not an origin").hint =
            "https://shop.example.com, https://*.example.com, http://localhost:8080 or *";
      out.allow_origins.push_back(lower_case(n.text));
    });
    out.allow_methods = r.texts("allow_methods");
    for (auto [key, list] :
         {std::pair{"allow_headers", &out.allow_headers}, {"expose_headers", &out.expose_headers}})
      r.each(key, [&, list = list](const YamlNode& n) {
        if (!is_field_name(n.text))
          error(md::bad_name, n, in_quotes(n.text) + " is not a header field's name");
        list->push_back(lower_case(n.text));
      });
    out.allow_credentials = r.flag("allow_credentials");
    out.max_age = std::chrono::duration_cast<std::chrono::seconds>(r.duration("max_age"));
    bool any = std::ranges::find(out.allow_origins, "*") != out.allow_origins.end();
    if (out.allow_credentials && any)
      findings_
          .error(md::malformed, r.at("allow_credentials"), 17,
                 "with credentials every origin must be named: any page could act as the user")
          .hint = "list the origins";
    return out;
  }

  // A scheme, a host pattern, perhaps a port; or `*`.
  static bool is_origin(std::string_view text) {
    if (text == "*") return true;
    size_t scheme = text.find("://");
    if (scheme == std::string_view::npos || !std::ranges::all_of(text.substr(0, scheme), [](char c) {
          return (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.';
        }))
      return false;
    std::string_view host = text.substr(scheme + 3);
    size_t colon = host.find(':');
    if (colon != std::string_view::npos) {
      auto port = parse_integer(host.substr(colon + 1));
      if (!port || *port < 1 || *port > 65535) return false;
    }
    return is_host_pattern(lower_case(host.substr(0, colon)));
  }

  // Thousandths of a percent.
  static uint32_t share(const Reader& r) {
    return static_cast<uint32_t>(parse_percent(r.text("percent")).value_or(0) * 1000 + 0.5);
  }

  Fault fault() {
    Reader r = r_.below("fault");
    Fault out;
    out.at = r_.at("fault");
    if (r.has("delay")) {
      Reader d = r.below("delay");
      out.delay = d.duration("time");
      out.delay_share = share(d);
    }
    if (r.has("abort")) {
      Reader a = r.below("abort");
      out.abort_status = static_cast<uint16_t>(a.integer("status"));
      out.abort_share = share(a);
    }
    return out;
  }

  Mirror mirror() {
    Reader r = r_.below("mirror");
    Mirror out;
    out.at = r_.at("mirror");
    out.service = r.below("to").text("service");
    out.tags = r.below("to").words("tags");
    out.share = share(r);
    return out;
  }

  // A route that answers itself sends nothing: what speaks of sending would look as if it did something.
  void alone(const Actions& a) {
    if (!a.answers()) return;
    std::string_view answer = a.redirect ? "redirect" : "respond";
    for (std::string_view key : {"respond", "to", "mirror", "rewrite", "sticky", "retries"})
      if (key != answer && r_.has(key))
        findings_
            .error(md::duplicate_key, r_.at(key), length(key),
                   "a route with " + std::string(answer) + " has no " + std::string(key))
            .hint = "the route answers itself and sends nothing";
  }

  const Reader& r_;
  const Match& match_;
  Findings& findings_;
};

}  // namespace

Actions bind_actions(const Reader& route, const Match& match, Findings& findings) {
  return ActionBinder(route, match, findings).actions();
}

Sticky bind_request_key(const Reader& parent, const std::string& name, Findings& findings) {
  Sticky out;
  if (!parent.has(name)) return out;
  Reader r = parent.below(name);
  int given = 0;
  for (auto [word, key] :
       {std::pair{"header", Sticky::header}, {"cookie", Sticky::cookie}, {"query", Sticky::query}}) {
    if (!r.has(word)) continue;
    ++given;
    out.key = key;
    out.name = key == Sticky::header ? lower_case(r.text(word)) : r.text(word);
    const YamlNode& n = *r.find(word);
    if (key != Sticky::query && !is_field_name(n.text))
      findings.error(md::bad_name, n.at, n.length, in_quotes(n.text) + " is not a name");
  }
  if (r.has("source") && r.flag("source")) ++given, out.key = Sticky::source;
  if (given != 1)
    findings.error(md::missing_key, parent.at(name), length(name),
                   name + " takes one of header, cookie, query, source: true");
  return out;
}

}  // namespace meshd::model
