// SPDX-License-Identifier: Apache-2.0
// dictionary: http
//
// h1_response: H1Client against an upstream that says anything. The first line is what we ask: "GMETHOD /path PROTOCOL",
// or "P…" with content; "-" for no protocol. Asked again while the connection calls itself reusable.
#include "http/h1_client.h"
#include "http_kit.h"

namespace meshd::fuzz {
namespace {

struct Ask {
  std::string method = "GET", path = "/", protocol, content;
};

struct Run final : InterimSink {
  std::vector<std::string> answers;  // whole ones, as text
  size_t content = 0;
  const RequestHead* asking = nullptr;
  void interim(ResponseHead head) override {
    must(head.status >= 100 && head.status < 200, "an interim answer that is none");
    check_written_response(head, {}, *asking);
  }
};

constexpr int kCallsMax = 4;

Task<void> call_again(std::unique_ptr<ByteStream> stream, const Ask& ask, Run& run) {
  H1Client client(std::move(stream));
  for (int i = 0; i < kCallsMax && (i == 0 || client.reusable()); ++i) {
    Request request;
    request.head.set_method(ask.method);
    request.head.set_scheme("http");
    request.head.set_authority("a.test");
    request.head.set_path(ask.path);
    request.head.set_protocol(ask.protocol);
    if (!ask.content.empty()) request.body = make_body(Chunk::copy(ask.content));
    const RequestHead& asked = request.head;
    request.interim = &run;
    run.asking = &asked;
    auto response = co_await client.call(request);
    if (!response) {
      run.answers.push_back("failed");
      break;
    }
    must(response->head.status >= 200 || (response->head.status == 101 && !ask.protocol.empty()),
         "an interim answer for a final one");
    bool tunnel = makes_tunnel(response->head.status, asked);
    Framing framing;
    if (response->body && response->body->length() && !tunnel) {
      framing.has_length = true;
      framing.length = *response->body->length();
      framing.body = is_bodyless(response->head.status, ask.method) ? BodyKind::none : BodyKind::length;
    }
    check_written_response(response->head, framing, asked);
    std::string text = std::to_string(response->head.status);
    for (const std::string& field : sorted_fields(response->head)) text += "\n" + field;
    if (response->body) {
      auto body = co_await read_all(*response->body, 1 << 20);
      text += body ? "\n\n" + *body : "\n\ncut";
      if (body) {
        run.content += body->size();
        if (framing.body == BodyKind::length)
          must(body->size() == framing.length, "content of another length");
        if (is_bodyless(response->head.status, ask.method) && !tunnel)
          must(body->empty(), "content where there is none");
        check_trailer_fields(response->body->trailers());
      }
    }
    run.answers.push_back(std::move(text));
    if (tunnel) break;
  }
}

void run_calls(Run& run, const Ask& ask, std::string_view bytes, Cuts cuts) {
  PipePair pipe = make_pipe();
  std::string asked;
  spawn(call_again(std::move(pipe.b), ask, run));
  spawn(send_pieces(*pipe.a, std::string(bytes), cuts));
  spawn(read_to_end(*pipe.a, asked));
  run_all("H1Client");
  must(run.content <= bytes.size(), "more content than the upstream sent");
}

}  // namespace

FUZZ_TARGET(h1_response) {
  the_loop();
  std::string_view rest = bytes;
  std::string_view line = cut(rest, '\n');
  Ask ask;
  bool content = line.starts_with('P');
  if (!line.empty()) line.remove_prefix(1);
  std::string_view method = cut(line, ' '), path = cut(line, ' ');
  if (is_token(method)) ask.method = method;
  if (auto normal = normalise_path(path)) ask.path = normal->changed ? *normal->changed : std::string(path);
  if (content)
    ask.content = line;
  else if (is_token(line) && line != "-")
    ask.protocol = line;
  if (ask.method == "CONNECT") ask.path = "";

  Run whole, pieces;
  run_calls(whole, ask, rest, Cuts::none);
  run_calls(pieces, ask, rest, Cuts::random);
}

}  // namespace meshd::fuzz
