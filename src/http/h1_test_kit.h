// SPDX-License-Identifier: Apache-2.0
// h1_test_kit.h: what the HTTP/1 tests share: a loop run to its end, raw bytes in and out of a pipe, services.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "http/client_pool.h"
#include "http/h1_server.h"
#include "http/semantics.h"
#include "loop/loop.h"
#include "net/pipe.h"

namespace meshd::test {

inline constexpr Error kTestOver{Errc::cancelled, Side::self, "the test is over"};

// Runs until every task has ended.
inline void run_all(Loop& loop) {
  loop.run_until([&loop] { return loop.tasks() == 0; });
}

struct OneTurn {
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> h) const { make_ready(h); }
  void await_resume() const {}
};

// Writes `text` cut before each of `cuts`, then ends if `finish`.
inline Task<void> send_raw(ByteStream& stream, std::string text, std::vector<size_t> cuts, bool finish) {
  size_t from = 0;
  cuts.push_back(text.size());
  for (size_t to : cuts) {
    auto written = co_await stream.write(Chunk::copy(std::string_view(text).substr(from, to - from)));
    if (!written) co_return;
    from = to;
    co_await OneTurn();
    co_await OneTurn();
    co_await OneTurn();
  }
  if (!finish) co_return;
  auto finished = co_await stream.finish();
  (void)finished;
}

inline Task<void> send_all(ByteStream& stream, std::string text, std::vector<size_t> cuts, bool& sent) {
  co_await send_raw(stream, std::move(text), std::move(cuts), true);
  sent = true;
}

// Appends what comes until the end or an error.
struct Raw {
  std::string text;
  bool ended = false;
  std::optional<Error> error;
};
inline Task<void> read_raw(ByteStream& stream, Raw& out) {
  for (;;) {
    auto chunk = co_await stream.read();
    if (chunk && !chunk->empty()) {
      out.text.append(chunk->view());
      continue;
    }
    if (!chunk) out.error = chunk.error();
    out.ended = true;
    co_return;
  }
}

// Sends `raw` to a server of `service` and gives all that it answers until it ends the connection.
inline std::string exchange(Loop& loop, Service& service, std::string raw, std::vector<size_t> cuts = {},
                            H1ServerOptions options = {}) {
  ServerGroup group;
  PipePair pipe = make_pipe();
  Raw out;
  spawn(serve_h1(std::move(pipe.b), service, group, std::move(options)));
  bool sent = false;
  spawn(send_all(*pipe.a, std::move(raw), std::move(cuts), sent));
  spawn(read_raw(*pipe.a, out));
  loop.run_until([&] { return out.ended && sent && group.size() == 0; });
  return out.text;
}

// Status codes of the answers in `text`, in order.
inline std::vector<int> statuses(std::string_view text) {
  std::vector<int> found;
  for (size_t at = 0; (at = text.find("HTTP/1.1 ", at)) != std::string_view::npos; at += 9)
    if (at == 0 || text[at - 1] == '\n' || isdigit(text[at + 9])) found.push_back(std::atoi(&text[at + 9]));
  return found;
}

// Reads each request to its end, remembers it, answers as told.
class RecordingService final : public Service {
 public:
  struct Seen {
    std::string method, path, authority, body;
    std::vector<std::pair<std::string, std::string>> fields, trailers;
  };
  std::vector<Seen> complete;
  int begun = 0;
  std::function<Response(const Request&, const std::string& body)> answer =
      [](const Request&, const std::string&) { return make_text_response(200, "text/plain", "ok"); };

  Task<Result<Response>> call(Request& request) override {
    ++begun;
    Seen seen{std::string(request.head.method()),
              std::string(request.head.path()),
              std::string(request.head.authority()),
              {},
              {},
              {}};
    for (size_t i = 0; i < request.head.size(); ++i)
      seen.fields.emplace_back(request.head[i].name, request.head[i].value);
    if (request.body && request.head.protocol().empty()) {
      auto body = co_await read_all(*request.body, 64 * 1024 * 1024);
      if (!body) co_return fail(body.error());
      seen.body = std::move(*body);
      if (const Fields* t = request.body->trailers())
        for (size_t i = 0; i < t->size(); ++i) seen.trailers.emplace_back((*t)[i].name, (*t)[i].value);
    }
    complete.push_back(std::move(seen));
    co_return answer(request, complete.back().body);
  }
};

// Each connect is a pipe to a server of `service`.
class PipeConnector final : public Connector {
 public:
  PipeConnector(Service& service, ServerGroup& group, int& connects)
      : service_(service), group_(group), connects_(connects) {}
  Task<Result<std::unique_ptr<ByteStream>>> connect() override {
    ++connects_;
    PipePair pipe = make_pipe();
    spawn(serve_h1(std::move(pipe.b), service_, group_, {}));
    co_return std::move(pipe.a);
  }

 private:
  Service& service_;
  ServerGroup& group_;
  int& connects_;
};

inline Request make_request(std::string_view method, std::string_view path,
                            std::string_view authority = "a.test") {
  Request r;
  r.head.set_method(method);
  r.head.set_path(path);
  r.head.set_authority(authority);
  r.head.set_scheme("http");
  return r;
}

// Content given piece by piece, or failing where a piece is an error.
class PieceBody final : public Body {
 public:
  explicit PieceBody(std::vector<Result<std::string>> pieces) : pieces_(std::move(pieces)) {}
  Await<Result<Chunk>> pull() override {
    if (next_ == pieces_.size()) return Chunk();
    auto& p = pieces_[next_++];
    if (!p) return Result<Chunk>(fail(p.error()));
    return Chunk::copy(*p);
  }
  void close(Error) override { next_ = pieces_.size(); }
  const Fields* trailers() const override { return trailers_fields.empty() ? nullptr : &trailers_fields; }
  Fields trailers_fields;

 private:
  std::vector<Result<std::string>> pieces_;
  size_t next_ = 0;
};

// Content that comes when the test says so.
class GatedBody final : public Body {
 public:
  struct Gate {
    Op<Result<Chunk>> op;
    GatedBody* body = nullptr;
    bool destroyed = false;
    std::optional<Error> closed;
  };
  explicit GatedBody(Gate& gate) : gate_(gate) { gate_.body = this; }
  ~GatedBody() override {
    gate_.destroyed = true;
    gate_.body = nullptr;
  }
  Await<Result<Chunk>> pull() override { return gate_.op; }
  void close(Error why) override {
    gate_.closed = why;
    if (gate_.op.waiting()) gate_.op.complete(fail(why));
  }

 private:
  Gate& gate_;
};

}  // namespace meshd::test
