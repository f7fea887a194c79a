// SPDX-License-Identifier: Apache-2.0
// hop_by_hop.cc: what is meant for this hop only goes no further (RFC 9110 section 7.6.1).
#include <array>

#include "base/limits.h"
#include "http/semantic_fields.h"

namespace meshd {
namespace {

// Names that Connection must not take away. The first three carry the message itself: naming them is an attack.
constexpr std::array<std::string_view, 3> kUntouchable = {"host", "content-length", "transfer-encoding"};
// These are meant for all recipients, or were set on the way by proxies (hop-by-hop abuse): naming them does nothing.
constexpr std::array<std::string_view, 16> kEndToEnd = {
    "authorization", "cookie",    "set-cookie",   "cache-control", "content-type", "content-encoding",
    "forwarded",     "x-real-ip", "x-request-id", "traceparent",   "tracestate",   "date",
    "expect",        "trailer",   "via",          "range"};

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && same_name(text.substr(0, prefix.size()), prefix);
}

template <size_t N>
bool any_of(const std::array<std::string_view, N>& names, std::string_view name) {
  for (std::string_view n : names)
    if (same_name(n, name)) return true;
  return false;
}

bool is_mesh_field(std::string_view name) {
  // Few names begin like these.
  if (name.empty() || ((name[0] | 0x20) != 'x' && (name[0] | 0x20) != 'l')) return false;
  return starts_with(name, "x-meshd-") || starts_with(name, "x-envoy-") || starts_with(name, "l5d-") ||
         same_name(name, "x-forwarded-client-cert");
}

bool may_be_removed(std::string_view name) {
  return !any_of(kEndToEnd, name) && !is_mesh_field(name) && !starts_with(name, "x-forwarded-");
}

}  // namespace

bool is_wanted_upgrade(std::string_view value) {
  size_t slash = value.find('/');
  std::string_view name = value.substr(0, slash);
  if (!is_token(name) || (slash != std::string_view::npos && !is_token(value.substr(slash + 1))))
    return false;
  return !same_name(name, "h2c") && !same_name(name, "h2") && !same_name(name, "http") &&
         !same_name(name, "tls");
}

Result<> remove_hop_by_hop(Fields& fields, uint32_t seen, HttpVersion version, Side side, Framing& framing,
                           std::string* upgrade) {
  framing.keep_alive = version != HttpVersion::http10;
  bool trailers = (seen & kHasTe) != 0 && lists(fields, "te", "trailers");
  if ((seen & kHasConnection) != 0) {
    bool upgrade_named = false, close = false, keep = false;
    SmallVector<std::string, 4> named;
    for (size_t i = 0; i < fields.size(); ++i) {
      if (!same_name(fields[i].name, "connection")) continue;
      std::string_view list = fields[i].value, option;
      while (next_member(list, option)) {
        if (option.empty()) continue;
        if (!is_token(option))
          return fail(Errc::protocol, side, "Connection lists something that is not a token");
        if (any_of(kUntouchable, option))
          return fail(Errc::protocol, side, "Connection names a framing field");
        if (same_name(option, "close"))
          close = true;
        else if (same_name(option, "keep-alive"))
          keep = true;
        else if (same_name(option, "upgrade"))
          upgrade_named = true;
        else if (may_be_removed(option))
          named.push_back(std::string(option));
        if (named.size() > kHeadFieldsMax)
          return fail(Errc::head_too_large, side, "Connection names too many fields");
      }
    }
    framing.keep_alive = !close && (framing.keep_alive || keep);
    if (upgrade_named && upgrade != nullptr && (seen & kHasUpgrade) != 0 && version == HttpVersion::http11) {
      std::string_view wanted = *fields.find("upgrade");
      if (fields.count("upgrade") == 1 && is_wanted_upgrade(wanted)) *upgrade = wanted;
    }
    for (const std::string& name : named) fields.remove(name);
    fields.remove("connection");
  }
  if ((seen & kHasTe) != 0) {
    fields.remove("te");
    if (trailers && side == Side::client) fields.add("te", "trailers");
  }
  if ((seen & kHasUpgrade) != 0) fields.remove("upgrade");
  if ((seen & kHasKeepAlive) != 0) fields.remove("keep-alive");
  if ((seen & kHasProxyConnection) != 0) fields.remove("proxy-connection");
  if ((seen & kHasHttp2Settings) != 0) fields.remove("http2-settings");
  if ((seen & kHasContentLength) != 0) fields.remove("content-length");
  if ((seen & kHasTransferEncoding) != 0) fields.remove("transfer-encoding");
  return {};
}

void remove_mesh_fields(Fields& fields) {
  for (size_t i = fields.size(); i-- > 0;) {
    if (!is_mesh_field(fields[i].name)) continue;
    fields.remove(fields[i].name);
    i = std::min(i, fields.size());
  }
}

Result<> check_trailers(Fields& trailers, Side side) {
  if (trailers.bytes() > kTrailerBytesMax)
    return fail(Errc::head_too_large, side, "the trailers are too long");
  auto seen = scan_fields(trailers, HttpVersion::http11, side);
  if (!seen) return fail(seen.error());
  constexpr std::array<std::string_view, 20> kForbidden = {"host",
                                                           "content-length",
                                                           "transfer-encoding",
                                                           "te",
                                                           "trailer",
                                                           "connection",
                                                           "keep-alive",
                                                           "proxy-connection",
                                                           "upgrade",
                                                           "expect",
                                                           "cache-control",
                                                           "content-type",
                                                           "content-encoding",
                                                           "content-range",
                                                           "authorization",
                                                           "proxy-authorization",
                                                           "cookie",
                                                           "set-cookie",
                                                           "forwarded",
                                                           "max-forwards"};
  for (std::string_view name : kForbidden)
    if (!trailers.empty()) trailers.remove(name);
  remove_mesh_fields(trailers);
  for (size_t i = trailers.size(); i-- > 0;) {
    if (!starts_with(trailers[i].name, "x-forwarded-")) continue;
    trailers.remove(trailers[i].name);
    i = std::min(i, trailers.size());
  }
  return {};
}

}  // namespace meshd
