// SPDX-License-Identifier: Apache-2.0
// dictionary: http
//
// h1_request: one client connection to serve_h1, whole and in pieces. What a service is given reads the same when it
// is written again; how the bytes were cut makes no difference; what comes back is a row of answers and nothing else.
#include "http/h1_server.h"
#include "http_kit.h"

namespace meshd::fuzz {
namespace {

struct Run {
  Echo service;
  std::string answers;
  size_t refused = 0;
};

void serve(Run& run, std::string_view bytes, Cuts cuts) {
  ServerGroup group;
  group.on_refused([](void* n, const Error&) { ++*static_cast<size_t*>(n); }, &run.refused);
  PipePair pipe = make_pipe();
  spawn(serve_h1(std::move(pipe.b), run.service, group, {}));
  spawn(send_pieces(*pipe.a, std::string(bytes), cuts));
  spawn(read_to_end(*pipe.a, run.answers));
  run_all("serve_h1");
  must(group.size() == 0, "a connection is left in its group");
}

// Reads `run.answers` as a strict client would: one answer for each request, then at most one refusal.
void check_answers(const Run& run) {
  Chunk rest = Chunk::copy(run.answers);
  H1HeadParser parser(H1HeadParser::Kind::response);
  size_t answered = 0, most = run.service.methods.size() + run.refused;
  while (!rest.empty()) {
    must(answered < most, "more answers than requests", run.answers);
    RequestHead request;
    request.set_method(answered < run.service.methods.size() ? run.service.methods[answered] : "GET");
    request.set_protocol("any");
    ResponseHead head;
    auto parsed = parser.feed(rest, head);
    must(parsed && *parsed, "an answer that does not parse", run.answers);
    Framing framing;
    must(check_response(head, framing, request).has_value(), "an answer that is refused", run.answers);
    if (head.status < 200 && head.status != 101) continue;
    ++answered;
    if (framing.body == BodyKind::until_end) return;  // a tunnel: raw bytes
    if (framing.body == BodyKind::none) continue;
    must(framing.body == BodyKind::length && framing.length <= rest.size(), "an answer cut short",
         run.answers);
    rest.remove_prefix(framing.length);
  }
}

}  // namespace

FUZZ_TARGET(h1_request) {
  the_loop();
  Run whole, pieces;
  serve(whole, bytes, Cuts::none);
  serve(pieces, bytes, Cuts::random);
  check_answers(whole);
  check_answers(pieces);
  must(whole.service.seen == pieces.service.seen, "requests depend on how their bytes are cut");
  must(whole.refused == pieces.refused, "refusals depend on how the bytes are cut");
}

}  // namespace meshd::fuzz
