// SPDX-License-Identifier: Apache-2.0
// h2_frames: frames of a hostile HTTP/2 peer. "S…": as a client's to serve_h2, after its preface. "C…": as a server's to
// an H2Client that has a request, one with content, and a tunnel under way. Requests and answers that get through are
// those that HTTP/1 could carry, and nothing outlives the peer.
#include "http/h2_client.h"
#include "http/h2_service.h"
#include "http_kit.h"

namespace meshd::fuzz {
namespace {

void serve(std::string_view bytes, Cuts cuts, std::vector<std::string>& seen) {
  Echo service;
  ServerGroup group;
  PipePair pipe = make_pipe();
  std::string answers;
  H2ServerOptions options;
  options.h2.streams_max = 16;
  options.connect = true;
  spawn(serve_h2(std::move(pipe.b), service, group, options));
  spawn(send_pieces(*pipe.a, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(bytes), cuts));
  spawn(read_to_end(*pipe.a, answers));
  run_all("serve_h2");
  must(group.size() == 0, "a connection is left in its group");
  seen = std::move(service.seen);
}

Task<void> call(H2Client& client, Request& request, size_t& content, int& open) {
  auto response = co_await client.call(request);
  if (response) {
    bool tunnel = makes_tunnel(response->head.status, request.head);
    must(response->head.status >= 200, "an interim answer for a final one");
    check_written_response(response->head, {}, request.head);
    if (response->body) {
      auto length = response->body->length();
      auto body = co_await read_all(*response->body, 1 << 20);
      if (body && length && !tunnel && !is_bodyless(response->head.status, request.head.method()))
        must(body->size() == *length, "content of another length than declared");
      if (body) {
        content += body->size();
        check_trailer_fields(response->body->trailers());
      }
    }
  }
  response = fail(Errc::cancelled, Side::self, "done");
  if (--open == 0) client.close({Errc::cancelled, Side::self, "all calls have ended"});
}

Request make_request(std::string_view method, std::string_view path, std::string_view content) {
  Request r;
  r.head.version = HttpVersion::http2;
  r.head.set_method(method);
  if (method != "CONNECT") {
    r.head.set_scheme("http");
    r.head.set_path(path);
  }
  r.head.set_authority("a.test:80");
  if (!content.empty()) r.body = make_body(Chunk::copy(content));
  return r;
}

void ask(std::string_view bytes, Cuts cuts) {
  PipePair pipe = make_pipe();
  std::string asked;
  size_t content = 0;
  int open = 3;
  Request calls[3];
  calls[0] = make_request("GET", "/", "");
  calls[1] = make_request("POST", "/u", "hello");
  calls[2] = make_request("CONNECT", "", "bytes");
  {
    H2Client client(std::move(pipe.b), H2Options::edge());
    for (Request& c : calls) spawn(call(client, c, content, open));
    spawn(send_pieces(*pipe.a, std::string(bytes), cuts));
    spawn(read_to_end(*pipe.a, asked));
    run_all("H2Client");
  }
  must(content <= bytes.size(), "more content than the server sent");
}

}  // namespace

FUZZ_TARGET(h2_frames) {
  if (bytes.empty()) return;
  the_loop();
  std::string_view frames = bytes.substr(1);
  if (bytes.front() == 'C') {
    ask(frames, Cuts::none);
    ask(frames, Cuts::random);
    return;
  }
  std::vector<std::string> whole, pieces;
  serve(frames, Cuts::none, whole);
  serve(frames, Cuts::random, pieces);
}

}  // namespace meshd::fuzz
