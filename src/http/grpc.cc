// SPDX-License-Identifier: Apache-2.0
#include "http/grpc.h"

#include <charconv>

#include "http/semantics.h"

namespace meshd {
namespace {

constexpr std::string_view kGrpc = "application/grpc";

// grpc-message is percent-encoded: everything but space to '~', and '%' itself.
std::string encode_message(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte <= 0x7e && c != '%')
      out += c;
    else
      out.append({'%', kHex[byte >> 4], kHex[byte & 15]});
  }
  return out;
}

}  // namespace

bool is_grpc(const RequestHead& head) {
  if (head.method() != "POST") return false;
  auto type = head.find("content-type");
  if (!type || type->size() < kGrpc.size() || !same_name(type->substr(0, kGrpc.size()), kGrpc)) return false;
  return type->size() == kGrpc.size() || (*type)[kGrpc.size()] == '+' || (*type)[kGrpc.size()] == ';';
}

std::optional<milliseconds> grpc_timeout(const RequestHead& head) {
  auto text = head.find("grpc-timeout");
  if (!text || text->size() < 2 || text->size() > 9) return std::nullopt;
  uint64_t amount = 0;
  const char* unit = text->data() + text->size() - 1;
  auto [end, error] = std::from_chars(text->data(), unit, amount);
  if (error != std::errc() || end != unit) return std::nullopt;
  auto whole = [](uint64_t n, uint64_t per_ms) { return milliseconds((n + per_ms - 1) / per_ms); };
  switch (*unit) {
    case 'H': return milliseconds(amount * 3'600'000);
    case 'M': return milliseconds(amount * 60'000);
    case 'S': return milliseconds(amount * 1'000);
    case 'm': return milliseconds(amount);
    case 'u': return whole(amount, 1'000);
    case 'n': return whole(amount, 1'000'000);
    default: return std::nullopt;
  }
}

int grpc_status_for(const Error& e) {
  switch (e.code) {
    case Errc::denied:
    case Errc::permission: return 7;
    case Errc::unauthenticated: return e.side == Side::self ? 14 : 16;
    case Errc::identity: return e.side == Side::client ? 7 : 14;
    case Errc::rate_limited:
    case Errc::overload:
    case Errc::limit:
    case Errc::flood:
    case Errc::head_too_large:
    case Errc::body_too_large: return 8;
    case Errc::timeout:
    case Errc::slow_head:
    case Errc::stalled:
    case Errc::idle: return 4;
    case Errc::not_found:
    case Errc::no_route:
    case Errc::unsupported:
    case Errc::unsupported_version: return 12;
    case Errc::no_endpoint:
    case Errc::refused:
    case Errc::unreachable:
    case Errc::resolve:
    case Errc::draining:
    case Errc::closed:
    case Errc::reset:
    case Errc::tls:
    case Errc::exhausted: return 14;
    case Errc::protocol: return e.side == Side::upstream ? 14 : 13;
    default: return 13;
  }
}

Response make_refusal(const RequestHead& request, const Error& e, std::string_view detail) {
  if (!is_grpc(request)) return make_error_response(e, detail);
  std::string reason(name_of(e.code));
  if (!detail.empty()) reason.append("; ").append(detail);
  Response r;
  r.head.status = 200;
  r.head.add("content-type", kGrpc);
  r.head.add("grpc-status", std::to_string(grpc_status_for(e)));
  r.head.add("grpc-message", encode_message("meshd: " + std::string(e.why) + " (" + reason + ")"));
  r.head.add("x-meshd-error", reason);
  return r;
}

}  // namespace meshd
