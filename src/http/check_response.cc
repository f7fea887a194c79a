// SPDX-License-Identifier: Apache-2.0
// check_response.cc: the rules for what an upstream answers.
#include "http/semantic_fields.h"

namespace meshd {

Result<> check_response(ResponseHead& head, Framing& framing, const RequestHead& request) {
  constexpr Side kSide = Side::upstream;
  framing = Framing{};
  if (head.status < 100 || head.status > 999)
    return fail(Errc::protocol, kSide, "a status that is no status");
  auto seen = scan_fields(head, head.version, kSide);
  if (!seen) return fail(seen.error());
  if (auto ok = read_framing(head, *seen, head.version, kSide, framing); !ok) return ok;

  if (head.version == HttpVersion::http2) {
    if (head.status == 101) return fail(Errc::protocol, kSide, "101 in HTTP/2");
    if (framing.body == BodyKind::none) framing.body = BodyKind::until_end;
    if ((*seen & kHasTe) != 0) head.remove("te");
    if ((*seen & kHasContentLength) != 0) head.remove("content-length");
    if ((*seen & kHasHttp2Settings) != 0) head.remove("http2-settings");
  } else {
    if (auto ok = remove_hop_by_hop(head, *seen, head.version, kSide, framing, nullptr); !ok) return ok;
    if (head.status == 101 && request.protocol().empty())
      return fail(Errc::protocol, kSide, "101 to a request without Upgrade");
    if (framing.body == BodyKind::none && head.status >= 200) {
      framing.body = BodyKind::until_end;
      if (!is_bodyless(head.status, request.method())) framing.keep_alive = false;
    }
  }

  if (makes_tunnel(head.status, request)) {
    // Framing fields mean nothing here (RFC 9110 section 9.3.6).
    framing.body = BodyKind::until_end;
    framing.has_length = false;
    framing.keep_alive = false;
  } else if (is_bodyless(head.status, request.method())) {
    framing.body = BodyKind::none;
    if (head.status < 200 || head.status == 204) framing.has_length = false;
  }
  return {};
}

}  // namespace meshd
