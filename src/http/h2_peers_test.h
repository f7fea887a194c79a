// SPDX-License-Identifier: Apache-2.0
// h2_peers_test.h: for tests: an HTTP/2 client and a server joined by a pipe on one loop.
#pragma once
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "http/h2_client.h"
#include "http/h2_server.h"
#include "loop/loop.h"
#include "net/pipe.h"

namespace meshd {

inline RequestHead request_head(std::string_view method, std::string_view path,
                                std::string_view authority = "a.test") {
  RequestHead h;
  h.set_method(method);
  if (method != "CONNECT") {
    h.set_scheme("http");
    h.set_path(path);
  }
  h.set_authority(authority);
  h.version = HttpVersion::http2;
  return h;
}

inline ResponseHead response_head(int status) {
  ResponseHead h;
  h.status = static_cast<uint16_t>(status);
  h.version = HttpVersion::http2;
  return h;
}

// Keeps the streams that come until the test takes them.
struct Keeper final : H2Handler {
  std::vector<std::unique_ptr<H2ServerStream>> streams;
  void on_stream(std::unique_ptr<H2ServerStream> s) override { streams.push_back(std::move(s)); }
  std::unique_ptr<H2ServerStream> take(size_t i = 0) {
    auto s = std::move(streams.at(i));
    streams.erase(streams.begin() + static_cast<ptrdiff_t>(i));
    return s;
  }
};

struct Peers {
  Loop loop;
  Keeper keeper;
  std::unique_ptr<H2Server> server;
  std::unique_ptr<H2Client> client;
  std::optional<Error> server_end;

  explicit Peers(const H2Options& server_options = H2Options::edge(),
                 const H2Options& client_options = H2Options::edge(), size_t pipe = 64 * 1024) {
    PipePair p = make_pipe(pipe);
    server = std::make_unique<H2Server>(std::move(p.a), keeper, server_options);
    client = std::make_unique<H2Client>(std::move(p.b), client_options);
    spawn(serve(*this));
  }
  ~Peers() {
    keeper.streams.clear();
    client.reset();
    server->close({Errc::cancelled, Side::self, "test is over"});
    until([&] { return loop.tasks() == 0; });
  }
  static Task<void> serve(Peers& p) { p.server_end = co_await p.server->run(); }

  // Runs the loop until `done`; throws if nothing happens for long.
  template <class F>
  void until(F done) {
    bool late = false;
    Timer limit([](void* flag) { *static_cast<bool*>(flag) = true; }, &late);
    limit.start(milliseconds(10'000));
    loop.run_until([&] { return late || done(); });
    if (late) throw std::runtime_error("nothing happened for ten seconds");
  }
  // Everything that is under way in memory has settled.
  void settle() {
    for (int i = 0; i < 50; ++i) step();
  }
  void step() {
    bool posted = false;
    loop.post([&] { posted = true; });
    loop.run_until([&] { return posted; });
  }

  std::unique_ptr<H2ClientStream> open(const RequestHead& head, bool end) {
    auto s = client->open(head, end);
    if (!s) throw std::runtime_error("no stream can be opened");
    return std::move(*s);
  }
  // A stream with both of its ends.
  std::pair<std::unique_ptr<H2ClientStream>, std::unique_ptr<H2ServerStream>> stream(
      std::string_view method = "POST", bool end = false) {
    auto c = open(request_head(method, "/"), end);
    until([&] { return !keeper.streams.empty(); });
    return {std::move(c), keeper.take()};
  }
};

// Reads to the end, or to an error.
struct Reading {
  std::string bytes;
  std::optional<Error> error;
  bool ended = false;
  bool done() const { return ended || error; }
};
inline Task<void> read_stream(ByteStream& s, Reading& r) {
  for (;;) {
    Result<Chunk> c = co_await s.read();
    if (!c) {
      r.error = c.error();
      co_return;
    }
    if (c->empty()) {
      r.ended = true;
      co_return;
    }
    r.bytes.append(c->view());
  }
}

struct Writing {
  size_t taken = 0;
  std::optional<Error> error;
  bool done = false;
};
// Writes `total` bytes in pieces, then the end.
inline Task<void> write_stream(ByteStream& s, size_t total, size_t piece, Writing& w) {
  std::string text(piece, 'x');
  while (w.taken < total) {
    Result<size_t> n = co_await s.write(Chunk::copy(text));
    if (!n) {
      w.error = n.error();
      co_return;
    }
    w.taken += *n;
  }
  Result<> end = co_await s.finish();
  if (!end) w.error = end.error();
  w.done = true;
}

struct Answer {
  std::vector<ResponseHead> heads;
  std::optional<Error> error;
  bool done() const { return error || (!heads.empty() && heads.back().status >= 200); }
};
inline Task<void> read_answer(H2ClientStream& s, Answer& a) {
  while (!a.done()) {
    Result<ResponseHead> h = co_await s.response();
    if (h)
      a.heads.push_back(std::move(*h));
    else
      a.error = h.error();
  }
}

}  // namespace meshd
