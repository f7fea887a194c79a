// SPDX-License-Identifier: Apache-2.0
// field_scan.cc: one look at every field of a head: syntax, sizes, and which special ones are there.
#include "base/limits.h"
#include "http/semantic_fields.h"

namespace meshd {
namespace {

uint32_t special_of(std::string_view name) {
  switch (name.size()) {
    case 2: return same_name(name, "te") ? kHasTe : 0;
    case 4: return same_name(name, "host") ? kHasHost : 0;
    case 6: return same_name(name, "expect") ? kHasExpect : 0;
    case 7: return same_name(name, "upgrade") ? kHasUpgrade : 0;
    case 10:
      if (same_name(name, "connection")) return kHasConnection;
      return same_name(name, "keep-alive") ? kHasKeepAlive : 0;
    case 14:
      if (same_name(name, "content-length")) return kHasContentLength;
      return same_name(name, "http2-settings") ? kHasHttp2Settings : 0;
    case 16: return same_name(name, "proxy-connection") ? kHasProxyConnection : 0;
    case 17: return same_name(name, "transfer-encoding") ? kHasTransferEncoding : 0;
    default: return 0;
  }
}

bool has_upper(std::string_view text) {
  bool upper = false;
  for (char c : text) upper |= c >= 'A' && c <= 'Z';
  return upper;
}

}  // namespace

Result<uint32_t> scan_fields(const Fields& fields, HttpVersion version, Side side) {
  // The parsers keep the exact limits of where they stand.
  if (fields.size() > kHeadFieldsMax + kHopFields) return fail(Errc::head_too_large, side, "too many fields");
  size_t bytes = 0;
  uint32_t seen = 0;
  for (size_t i = 0; i < fields.size(); ++i) {
    Field f = fields[i];
    bytes += f.name.size() + f.value.size();
    if (f.name.size() > kFieldNameMax) return fail(Errc::head_too_large, side, "a field name is too long");
    if (!is_token(f.name)) return fail(Errc::protocol, side, "a field name is not a token");
    if (!is_field_value(f.value)) return fail(Errc::protocol, side, "a control character in a field value");
    if (version == HttpVersion::http2 && has_upper(f.name))
      return fail(Errc::protocol, side, "an upper-case field name in HTTP/2");
    // RFC 9113 section 8.2.1. In HTTP/1 white space round a value is no part of it: it would be another value there.
    if (version == HttpVersion::http2 && trim_ows(f.value).size() != f.value.size())
      return fail(Errc::protocol, side, "white space round a field value in HTTP/2");
    seen |= special_of(f.name);
  }
  if (bytes > kHeadBytesMax + kHopBytes)
    return fail(Errc::head_too_large, side, "the fields are too long together");
  // RFC 9113 section 8.2.2.
  constexpr uint32_t kConnectionSpecific =
      kHasConnection | kHasTransferEncoding | kHasUpgrade | kHasKeepAlive | kHasProxyConnection;
  if (version == HttpVersion::http2 && (seen & kConnectionSpecific) != 0)
    return fail(Errc::protocol, side, "a connection-specific field in HTTP/2");
  return seen;
}

}  // namespace meshd
