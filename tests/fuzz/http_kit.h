// SPDX-License-Identifier: Apache-2.0
// http_kit.h: what the HTTP targets share: a loop, bytes in pieces, and the question that matters to whoever stands
// behind us: does what we write read as what we judged?
#pragma once
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "fuzz.h"
#include "http/h1_parser.h"
#include "http/h1_write.h"
#include "http/semantics.h"
#include "loop/loop.h"
#include "net/pipe.h"

namespace meshd::fuzz {

inline Loop& the_loop() {
  static Loop loop;
  return loop;
}

// Runs until every task has ended: peers that have closed leave nothing that waits.
inline void run_all(std::string_view what) {
  Loop& loop = the_loop();
  bool late = false;
  Timer limit([](void* flag) { *static_cast<bool*>(flag) = true; }, &late);
  limit.start(milliseconds(5'000));
  loop.run_until([&] { return late || loop.tasks() == 0; });
  must(!late, "a connection outlives its peer", what);
}

struct Turn {
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> h) const { make_ready(h); }
  void await_resume() const {}
};

// How bytes arrive: all at once, or cut by `random` into pieces, mostly small.
enum class Cuts : uint8_t { none, random };

// Writes `bytes`, then the end.
inline Task<void> send_pieces(ByteStream& to, std::string bytes, Cuts cuts) {
  FastRandom random = random_of(bytes);
  std::string_view rest = bytes;
  while (!rest.empty()) {
    size_t size = rest.size();
    if (cuts == Cuts::random) size = std::min<size_t>(size, 1 + random.below(random.below(4) ? 8 : 1024));
    auto written = co_await to.write(Chunk::copy(rest.substr(0, size)));
    if (!written) co_return;
    rest.remove_prefix(size);
    if (cuts == Cuts::random)
      for (int i = 0; i < 3; ++i) co_await Turn();
  }
  auto finished = co_await to.finish();
  (void)finished;
}

// Appends what comes until the end.
inline Task<void> read_to_end(ByteStream& from, std::string& out) {
  for (;;) {
    auto chunk = co_await from.read();
    if (!chunk || chunk->empty()) co_return;
    out.append(chunk->view());
  }
}

// ---- does what is written read the same?

inline std::vector<std::string> sorted_fields(const Fields& fields) {
  std::vector<std::string> out;
  for (size_t i = 0; i < fields.size(); ++i)
    out.push_back(std::string(fields[i].name) + ": " + std::string(fields[i].value));
  std::ranges::sort(out);
  return out;
}

// `head` has passed check_request; `framing` is what will be sent with it.
inline void check_written_request(const RequestHead& head, const Framing& framing) {
  // Without Host, in HTTP/1.0, whoever routes gives it one.
  must(!head.authority().empty() || head.version == HttpVersion::http10, "a request without authority");
  if (head.authority().empty()) return;
  // Who writes adds Host and what says how the content is framed; the next hop has room for it.
  H1HeadParser parser(H1HeadParser::Kind::request, HeadLimits::mesh());
  Chunk written = write_request_head(head, framing);
  std::string text(written.view());
  RequestHead again;
  auto parsed = parser.feed(written, again);
  // HTTP/2 brings methods that our HTTP/1 parser does not know: the next hop answers 501.
  if (!parsed && parsed.error().code == Errc::unsupported) return;
  must(parsed && *parsed, "a written head does not parse", parsed ? text : parsed.error().why);
  must(written.empty(), "a written head ends before its end", text);
  again.set_scheme(head.scheme());
  Framing read;
  auto checked = check_request(again, read, {.connect = true});
  must(checked.has_value(), "a written head is refused", checked ? "" : checked.error().why);
  must(
      again.method() == head.method() && again.path() == head.path() && again.authority() == head.authority(),
      "a written head names another request", text);
  must(again.protocol() == head.protocol() || framing.body != BodyKind::none, "another upgrade", text);
  must(sorted_fields(again) == sorted_fields(head), "a written head has other fields", text);
  if (head.method() != "CONNECT")
    must(read.body == framing.body && read.length == framing.length, "another framing", text);
}

inline void check_written_response(const ResponseHead& head, const Framing& framing,
                                   const RequestHead& request) {
  H1HeadParser parser(H1HeadParser::Kind::response, HeadLimits::mesh());
  Chunk written = write_response_head(head, framing, ConnectionOption::none);
  std::string text(written.view());
  ResponseHead again;
  auto parsed = parser.feed(written, again);
  must(parsed && *parsed, "a written answer does not parse", parsed ? text : parsed.error().why);
  must(written.empty(), "a written answer ends before its end", text);
  Framing read;
  auto checked = check_response(again, read, request);
  must(checked.has_value(), "a written answer is refused", checked ? "" : checked.error().why);
  must(again.status == head.status && sorted_fields(again) == sorted_fields(head), "another answer", text);
}

// Trailers that a body brought along stand alone in any message.
inline void check_trailer_fields(const Fields* trailers) {
  if (trailers == nullptr) return;
  for (size_t i = 0; i < trailers->size(); ++i) {
    Field f = (*trailers)[i];
    must(is_token(f.name) && is_field_value(f.value), "a trailer that breaks its line", f.name);
    for (const char* name : {"host", "content-length", "transfer-encoding", "connection", "authorization"})
      must(!same_name(f.name, name), "a trailer that must not be there", f.name);
  }
}

// ---- a service that looks at everything it is given and sends the content back

class Echo final : public Service {
 public:
  std::vector<std::string> seen;     // each request that came whole, as text
  std::vector<std::string> methods;  // of each request, whole or not

  Task<Result<Response>> call(Request& request) override {
    methods.emplace_back(request.head.method());
    Framing framing;
    if (request.body) {
      auto length = request.body->length();
      framing.body = length ? BodyKind::length : BodyKind::chunked;
      framing.length = length.value_or(0);
    }
    bool tunnel = !request.head.protocol().empty() || request.head.method() == "CONNECT";
    check_written_request(request.head, tunnel ? Framing{} : framing);
    std::string asked = text_of(request.head);
    add_forwarding(request.head, {"10.0.0.7", 1, 2});
    check_written_request(request.head, tunnel ? Framing{} : framing);

    Response response;
    if (tunnel) {
      seen.push_back(asked + "tunnel");
      response.head.status = request.head.method() == "CONNECT" ? 200 : 101;
      response.body = std::move(request.body);
      co_return response;
    }
    std::string content;
    if (request.body) {
      auto body = co_await read_all(*request.body, 1 << 20);
      if (!body) co_return fail(body.error());
      content = std::move(*body);
      if (framing.body == BodyKind::length)
        must(content.size() == framing.length, "content of another length than declared");
      check_trailer_fields(request.body->trailers());
    }
    seen.push_back(asked + content);
    response.head.add("content-type", "application/octet-stream");
    response.body = make_body(Chunk::copy(content));
    co_return response;
  }

 private:
  static std::string text_of(const RequestHead& head) {
    std::string text;
    for (std::string_view part :
         {head.method(), head.scheme(), head.authority(), head.path(), head.protocol()})
      text.append(part) += '\n';
    for (const std::string& field : sorted_fields(head)) text.append(field) += '\n';
    return text + '\n';
  }
};

}  // namespace meshd::fuzz
