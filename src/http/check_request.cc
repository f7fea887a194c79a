// SPDX-License-Identifier: Apache-2.0
// check_request.cc: may this head be understood in one way only? The table of contents of the request rules.
#include "http/semantic_fields.h"

namespace meshd {
namespace {

Result<> check_method(std::string_view method) {
  if (!is_token(method)) return fail(Errc::protocol, Side::client, "the method is not a token");
  // Methods are case-sensitive: "get" would slip past a policy on GET and be served as GET by some backend.
  for (char c : method)
    if (c >= 'a' && c <= 'z') return fail(Errc::unsupported, Side::client, "a method in lower case");
  // TRACE sends credentials back; PRI is the HTTP/2 preface.
  if (method == "TRACE" || method == "PRI")
    return fail(Errc::unsupported, Side::client, "the method is not served");
  return {};
}

Result<> check_expect(const RequestHead& head, uint32_t seen, Framing& framing) {
  if ((seen & kHasExpect) == 0) return {};
  if (head.count("expect") != 1 || !same_name(*head.find("expect"), "100-continue"))
    return fail(Errc::unsupported, Side::client, "an expectation other than 100-continue");
  framing.expect_continue = head.version != HttpVersion::http10;
  return {};
}

}  // namespace

Result<> check_request(RequestHead& head, Framing& framing, RequestRules rules) {
  framing = Framing{};
  if (auto ok = check_method(head.method()); !ok) return ok;
  auto seen = scan_fields(head, head.version, Side::client);
  if (!seen) return fail(seen.error());
  if (auto ok = check_target(head, *seen, rules); !ok) return ok;
  if (auto ok = check_expect(head, *seen, framing); !ok) return ok;
  if (auto ok = read_framing(head, *seen, head.version, Side::client, framing); !ok) return ok;

  if (head.version == HttpVersion::http2) {
    if (framing.body == BodyKind::none) framing.body = BodyKind::until_end;
    bool trailers = (*seen & kHasTe) != 0 && lists(head, "te", "trailers");
    if ((*seen & kHasTe) != 0 && !trailers) return fail(Errc::protocol, Side::client, "TE in HTTP/2");
    if ((*seen & kHasTe) != 0) head.set("te", "trailers");
    if ((*seen & kHasContentLength) != 0) head.remove("content-length");
    if ((*seen & kHasHttp2Settings) != 0) head.remove("http2-settings");
  } else {
    std::string upgrade;
    if (auto ok = remove_hop_by_hop(head, *seen, head.version, Side::client, framing, &upgrade); !ok)
      return ok;
    bool has_content = framing.body == BodyKind::chunked || framing.length > 0;
    if (head.method() == "CONNECT") {
      // It has no content (RFC 9110 section 9.3.6): what follows is the tunnel, and must not be read in two ways.
      if (has_content) return fail(Errc::protocol, Side::client, "CONNECT with content");
      framing.body = BodyKind::until_end;
    } else if (!upgrade.empty() && !has_content) {
      // An Upgrade with content would give the bytes that follow two meanings: it is ignored.
      head.set_protocol(upgrade);
    }
  }
  if ((*seen & kHasExpect) != 0) head.remove("expect");
  return {};
}

}  // namespace meshd
