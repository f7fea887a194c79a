// SPDX-License-Identifier: Apache-2.0
// dictionary: http
//
// h2_to_h1: pseudo-header fields and fields as an HTTP/2 peer might send them, past every check of the HTTP/2 library,
// through the semantic layer and out as HTTP/1. Parts are separated by 1E, name and value by 1F:
// method, scheme, path, authority, protocol, then fields.
#include "base/limits.h"
#include "http_kit.h"

namespace meshd::fuzz {

FUZZ_TARGET(h2_to_h1) {
  RequestHead head;
  head.version = HttpVersion::http2;
  std::string_view rest = bytes;
  head.set_method(cut(rest, '\x1e'));
  head.set_scheme(cut(rest, '\x1e'));
  head.set_path(cut(rest, '\x1e'));
  head.set_authority(cut(rest, '\x1e'));
  head.set_protocol(cut(rest, '\x1e'));
  while (!rest.empty()) {
    std::string_view value = cut(rest, '\x1e');
    std::string_view name = cut(value, '\x1f');
    head.add(name, value);
  }
  // What HTTP/2 hands over where a message enters the mesh: its own parser refuses more. The room between nodes is for
  // what the writer adds.
  if (head.size() > kHeadFieldsMax || head.bytes() > kHeadBytesMax) return;
  ResponseHead answer;
  for (size_t i = 0; i < head.size(); ++i) answer.add(head[i].name, head[i].value);
  answer.version = HttpVersion::http2;

  Framing framing;
  if (check_request(head, framing, {.connect = true})) {
    must(!head.authority().empty() && is_token(head.method()), "a request without authority or method");
    bool tunnel = head.method() == "CONNECT" || !head.protocol().empty();
    Framing out;
    if (!tunnel) out.body = framing.has_length ? BodyKind::length : BodyKind::chunked;
    out.length = tunnel ? 0 : framing.length;
    // Extended CONNECT is an Upgrade in HTTP/1 (RFC 8441 section 5).
    if (!head.protocol().empty()) head.set_method("GET");
    check_written_request(head, out);
  }
  RequestHead asked;
  asked.set_method("GET");
  if (check_response(answer, framing, asked)) check_written_response(answer, {}, asked);
}

}  // namespace meshd::fuzz
