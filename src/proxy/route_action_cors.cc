// SPDX-License-Identifier: Apache-2.0
// route_action_cors.cc: which pages of other origins may call (Fetch standard, section 3.3, CORS protocol).
#include <algorithm>

#include "http/semantics.h"
#include "proxy/route_action.h"

namespace meshd {
namespace {

bool same_text(std::string_view a, std::string_view b) { return same_name(a, b); }

// "https://*.example.com:8443" takes https://shop.example.com:8443.
bool origin_matches(std::string_view origin, std::string_view pattern) {
  if (pattern == "*") return true;
  size_t star = pattern.find("://*.");
  if (star == std::string_view::npos) return same_text(origin, pattern);
  std::string_view scheme = pattern.substr(0, star + 3), below = pattern.substr(star + 4);
  return origin.size() > scheme.size() + below.size() && same_text(origin.substr(0, scheme.size()), scheme) &&
         same_text(origin.substr(origin.size() - below.size()), below);
}

bool allows(const model::Cors& cors, std::string_view origin) {
  return std::ranges::any_of(cors.allow_origins,
                             [&](const std::string& p) { return origin_matches(origin, p); });
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& w : words) out += (out.empty() ? "" : ", ") + w;
  return out;
}

void allow_origin(const model::Cors& cors, std::string_view origin, ResponseHead& head) {
  bool every = std::ranges::find(cors.allow_origins, "*") != cors.allow_origins.end();
  head.add("access-control-allow-origin", every ? std::string_view("*") : origin);
  if (cors.allow_credentials) head.add("access-control-allow-credentials", "true");
}

// A cache must not show one origin's answer to another.
void vary_by_origin(const model::Cors& cors, ResponseHead& head) {
  bool every = std::ranges::find(cors.allow_origins, "*") != cors.allow_origins.end();
  if (!every && !lists(head, "vary", "origin")) head.add("vary", "origin");
}

}  // namespace

std::optional<Response> preflight_answer(const Exchange& x) {
  const auto& cors = x.routing.route->actions->cors;
  const RequestHead& head = x.request->head;
  if (!cors || head.method() != "OPTIONS") return std::nullopt;
  auto origin = head.find("origin"), method = head.find("access-control-request-method");
  if (!origin || !method) return std::nullopt;
  Response out;
  out.head.status = 204;
  vary_by_origin(*cors, out.head);
  if (!allows(*cors, *origin)) return out;  // without these fields the browser refuses
  allow_origin(*cors, *origin, out.head);
  std::string methods = joined(cors->allow_methods), fields = joined(cors->allow_headers);
  out.head.add("access-control-allow-methods", methods.empty() ? *method : methods);
  if (auto asked = head.find("access-control-request-headers"); !fields.empty() || asked)
    out.head.add("access-control-allow-headers", fields.empty() ? *asked : fields);
  if (cors->max_age.count() > 0)
    out.head.add("access-control-max-age", std::to_string(cors->max_age.count()));
  return out;
}

void add_cors(const model::Cors& cors, const RequestHead& request, ResponseHead& head) {
  // A preflight's answer is complete; a program behind us cannot say otherwise than the file.
  auto origin = request.find("origin");
  if (request.method() == "OPTIONS" && request.find("access-control-request-method")) return;
  for (std::string_view name :
       {"access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers"})
    head.remove(name);
  vary_by_origin(cors, head);
  if (!origin || !allows(cors, *origin)) return;
  allow_origin(cors, *origin, head);
  if (!cors.expose_headers.empty()) head.add("access-control-expose-headers", joined(cors.expose_headers));
}

}  // namespace meshd
