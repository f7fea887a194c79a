// SPDX-License-Identifier: Apache-2.0
// framing.cc: where does the content end? One answer or none (RFC 9112 section 6).
#include "http/semantic_fields.h"

namespace meshd {
namespace {

// Digits only. Identical lists collapse (RFC 9110 section 8.6); all else is refused.
Result<uint64_t> content_length(const Fields& fields, Side side) {
  std::optional<uint64_t> length;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (!same_name(fields[i].name, "content-length")) continue;
    std::string_view list = fields[i].value, digits;
    if (list.empty()) return fail(Errc::protocol, side, "an empty Content-Length");
    while (next_member(list, digits)) {
      // 18 digits cannot overflow, and no content is that long.
      while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
      if (digits.empty() || digits.size() > 18)
        return fail(Errc::protocol, side, "Content-Length is no number");
      uint64_t n = 0;
      for (char c : digits) {
        if (c < '0' || c > '9') return fail(Errc::protocol, side, "Content-Length is no number");
        n = n * 10 + static_cast<uint64_t>(c - '0');
      }
      if (length && *length != n) return fail(Errc::protocol, side, "Content-Length fields differ");
      length = n;
    }
  }
  return *length;
}

// Exactly "chunked", once. No other coding is decoded here, so none may pass.
Result<> transfer_encoding(const Fields& fields, Side side) {
  bool chunked = false;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (!same_name(fields[i].name, "transfer-encoding")) continue;
    if (chunked) return fail(Errc::protocol, side, "chunked is applied more than once");
    if (!same_name(fields[i].value, "chunked"))
      return fail(Errc::unsupported, side, "a transfer coding other than chunked");
    chunked = true;
  }
  return {};
}

}  // namespace

Result<> read_framing(const Fields& fields, uint32_t seen, HttpVersion version, Side side, Framing& framing) {
  framing.body = BodyKind::none;
  if ((seen & kHasTransferEncoding) != 0) {
    // RFC 9112 section 6.1 lets Transfer-Encoding win; whoever sends both wants two readings.
    if ((seen & kHasContentLength) != 0)
      return fail(Errc::protocol, side, "both Content-Length and Transfer-Encoding");
    if (version == HttpVersion::http10) return fail(Errc::protocol, side, "Transfer-Encoding in HTTP/1.0");
    auto coding = transfer_encoding(fields, side);
    if (!coding) return fail(coding.error());
    framing.body = BodyKind::chunked;
  } else if ((seen & kHasContentLength) != 0) {
    auto length = content_length(fields, side);
    if (!length) return fail(length.error());
    framing.body = BodyKind::length;
    framing.length = *length;
    framing.has_length = true;
  }
  return {};
}

}  // namespace meshd
