// SPDX-License-Identifier: Apache-2.0
#include "control/api_router.h"

#include <algorithm>
#include <charconv>

#include "base/file.h"

namespace meshd {
namespace {

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> out;
  while (!path.empty()) {
    path.remove_prefix(1);  // its slash
    size_t end = std::min(path.find('/'), path.size());
    out.emplace_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return out;
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// A lone percent sign stays as it is.
std::string percent_decoded(std::string_view text, bool plus_is_space) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    int high = -1, low = -1;
    if (text[i] == '%' && i + 2 < text.size()) high = digit(text[i + 1]), low = digit(text[i + 2]);
    if (high >= 0 && low >= 0) {
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      out.push_back(plus_is_space && text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

int http_status(Errc code) {
  switch (code) {
    case Errc::invalid_argument:
    case Errc::protocol: return 400;
    case Errc::denied:
    case Errc::identity:
    case Errc::permission: return 403;
    case Errc::not_found: return 404;
    case Errc::conflict: return 409;
    case Errc::body_too_large:
    case Errc::limit: return 413;
    case Errc::overload: return 429;
    case Errc::exhausted: return 507;  // Insufficient Storage (RFC 4918): the disk is full
    case Errc::draining: return 503;
    default: return 500;
  }
}

// How well `segments` fits: its count of literal segments; nothing when it does not.
std::optional<size_t> fit(const std::vector<std::string>& segments, const std::vector<std::string>& path) {
  if (segments.size() != path.size()) return std::nullopt;
  size_t literal = 0;
  for (size_t i = 0; i < path.size(); ++i) {
    if (segments[i] == path[i])
      ++literal;
    else if (segments[i] != "{}" || path[i].empty())
      return std::nullopt;
  }
  return literal;
}

}  // namespace

std::optional<std::string> ApiCall::query(std::string_view name) const {
  std::string_view rest = request.head.path();
  size_t mark = rest.find('?');
  if (mark == std::string_view::npos) return std::nullopt;
  rest.remove_prefix(mark + 1);
  while (!rest.empty()) {
    std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    size_t equals = pair.find('=');
    if (percent_decoded(pair.substr(0, equals), true) != name) continue;
    return equals == std::string_view::npos ? std::string() : percent_decoded(pair.substr(equals + 1), true);
  }
  return std::nullopt;
}

Outcome<int64_t> ApiCall::query_number(std::string_view name, int64_t otherwise, int64_t max) const {
  auto text = query(name);
  if (!text) return otherwise;
  int64_t value = -1;
  auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() || value < 0 || value > max)
    return fail(Errc::invalid_argument,
                "'" + std::string(name) + "' must be a whole number from 0 to " + std::to_string(max));
  return value;
}

void ApiRouter::add(std::string_view method, std::string_view pattern, ApiHandler handler) {
  entries_.push_back({std::string(method), split(pattern), std::move(handler)});
}

Task<Result<Response>> ApiRouter::serve(Request& request, std::string caller) {
  std::vector<std::string> path = split(request.head.path_only());
  const Entry* best = nullptr;
  size_t best_fit = 0;
  std::string allowed;
  for (const Entry& entry : entries_) {
    auto literal = fit(entry.segments, path);
    if (!literal) continue;
    if (entry.method != request.head.method()) {
      if (allowed.find(entry.method) == std::string::npos)
        allowed += (allowed.empty() ? "" : ", ") + entry.method;
    } else if (best == nullptr || *literal > best_fit) {
      best = &entry;
      best_fit = *literal;
    }
  }
  if (best == nullptr) {
    if (allowed.empty())
      co_return api_error({Errc::not_found, "nothing is at " + std::string(request.head.path_only())});
    Response r = api_error(405, {Errc::unsupported, "this path takes " + allowed});
    r.head.add("allow", allowed);
    co_return r;
  }
  ApiCall call{request, std::move(caller), {}};
  for (size_t i = 0; i < path.size(); ++i)
    if (best->segments[i] == "{}") call.parts.push_back(percent_decoded(path[i], false));
  auto answer = co_await best->handler(call);
  if (!answer) {
    const Error& e = answer.error();
    co_return api_error(status_for(e), {e.code, e.why});
  }
  co_return std::move(*answer);
}

Task<Outcome<Json>> json_body(Request& request, size_t max) {
  if (!request.body) co_return Json(JsonObject{});
  auto text = co_await read_all(*request.body, max);
  if (!text) co_return fail(text.error().code, std::string(text.error().why));
  if (text->empty()) co_return Json(JsonObject{});
  auto value = parse_json(*text);
  wipe(*text);  // it may have held a token
  if (!value) co_return fail(std::move(value.error()));
  if (!value->is<JsonObject>()) co_return fail(Errc::invalid_argument, "the body must be a JSON object");
  co_return std::move(*value);
}

Response json_response(int status, const Json& body) {
  return make_text_response(status, "application/json", to_text(body) + "\n");
}

Response api_error(const Detailed& error) { return api_error(http_status(error.code), error); }

Response api_error(int status, const Detailed& error) {
  JsonObject body;
  body["error"] = json(error.what);
  body["code"] = json(name_of(error.code));
  return json_response(status, Json(std::move(body)));
}

}  // namespace meshd
