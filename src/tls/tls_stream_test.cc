// SPDX-License-Identifier: Apache-2.0
#include "tls/tls_stream.h"

#include <catch2/catch_test_macros.hpp>

#include "tls/peers_test.h"

namespace meshd {
namespace {

// Two ends after a good handshake, each over a Spy.
struct Connection {
  Mesh mesh;
  Loop loop;
  std::unique_ptr<TlsStream> client, server;
  Spy *client_wire = nullptr, *server_wire = nullptr;

  explicit Connection(size_t capacity = kStreamOutboxHigh) {
    PipePair pipe = make_pipe(capacity);
    auto a = std::make_unique<Spy>(std::move(pipe.a)), b = std::make_unique<Spy>(std::move(pipe.b));
    client_wire = a.get();
    server_wire = b.get();
    std::optional<Made> c, s;
    spawn(connect(std::move(a), TlsContext::client(mesh.settings({mesh.service("web")})).value(), {}, c));
    spawn(accept(std::move(b), TlsContext::server(mesh.settings({mesh.service("db")})).value(), {}, s));
    loop.run_until([&] { return c && s; });
    REQUIRE(c->has_value());
    REQUIRE(s->has_value());
    client = std::move(**c);
    server = std::move(**s);
    // Only what comes after the handshake is counted.
    client_wire->writes = server_wire->writes = 0;
    client_wire->written.clear();
    server_wire->written.clear();
  }
  ~Connection() {
    client.reset();
    server.reset();
    settle(loop);
  }
};

std::string pattern(size_t n) {
  std::string text(n, '\0');
  for (size_t i = 0; i < n; ++i) text[i] = static_cast<char>(i * 31 >> 3);
  return text;
}

Task<void> send_all(ByteStream& s, std::string text, size_t piece, bool& done) {
  for (size_t at = 0; at < text.size(); at += piece) {
    auto written = co_await s.write(Chunk::copy(std::string_view(text).substr(at, piece)));
    if (!written) co_return;
  }
  auto finished = co_await s.finish();
  done = finished.has_value();
}

Task<void> receive_all(ByteStream& s, std::string& text, std::optional<Result<>>& end) {
  for (;;) {
    auto chunk = co_await s.read();
    if (!chunk) {
      end = fail(chunk.error());
      co_return;
    }
    if (chunk->empty()) break;
    text += chunk->view();
  }
  end = Result<>();
}

}  // namespace

TEST_CASE("bytes arrive whole, in order, both ways at once, in pieces of any size") {
  std::string text = pattern(3'000'000);
  for (size_t piece : {1000u, 16384u, 16385u, 100'000u, 3'000'000u}) {
    Connection x;
    bool sent_a = false, sent_b = false;
    std::string got_a, got_b;
    std::optional<Result<>> end_a, end_b;
    spawn(send_all(*x.client, text, piece, sent_a));
    spawn(send_all(*x.server, text, piece + 1, sent_b));
    spawn(receive_all(*x.client, got_a, end_a));
    spawn(receive_all(*x.server, got_b, end_b));
    x.loop.run_until([&] { return sent_a && sent_b && end_a && end_b; });
    REQUIRE(end_a->has_value());
    REQUIRE(end_b->has_value());
    REQUIRE(got_a == text);
    REQUIRE(got_b == text);
    REQUIRE(x.client->bytes_written() == text.size());
    REQUIRE(x.client->bytes_read() == text.size());
  }
}

TEST_CASE("nothing of the text is on the wire") {
  Connection x;
  REQUIRE(write(x.loop, *x.client, "the quick brown fox jumps").has_value());
  REQUIRE(read(x.loop, *x.server)->view() == "the quick brown fox jumps");
  REQUIRE(x.client_wire->written.find("quick") == std::string::npos);
}

TEST_CASE("one write makes one write below, whatever it holds") {
  Connection x;
  std::string text = pattern(100'000);
  REQUIRE(write(x.loop, *x.client, text).value() == 100'000);
  REQUIRE(x.client_wire->writes == 1);
  // Seven records of up to 16 KiB, each with 22 bytes and padding around it.
  REQUIRE(x.client_wire->written.size() >= 100'000 + 7 * 22);
  REQUIRE(x.client_wire->written.size() <= 100'000 + 7 * (22 + 15));
}

TEST_CASE("small chunks of one write share a record") {
  Connection x;
  Chunks chunks;
  std::string all;
  for (int i = 0; i < 40; ++i) {
    chunks.push_back(Chunk::copy("field: value\r\n"));
    all += "field: value\r\n";
  }
  REQUIRE(write(x.loop, *x.client, std::move(chunks)).has_value());
  REQUIRE(x.client_wire->written.size() <= all.size() + 22 + 15);
  REQUIRE(read(x.loop, *x.server)->view() == all);
}

TEST_CASE("chunks of every mix of sizes come out as they went in") {
  Connection x;
  const size_t sizes[][5] = {{1, 16384, 1, 0, 0},     {16383, 1, 16384, 5, 0}, {16384, 16384, 0, 0, 0},
                             {100, 40000, 100, 7, 0}, {0, 0, 3, 0, 0},         {20000, 20000, 20000, 1, 1},
                             {5, 16379, 5, 16379, 2}};
  for (const auto& mix : sizes) {
    Chunks chunks;
    std::string all, got;
    for (size_t n : mix) {
      chunks.push_back(Chunk::copy(pattern(n)));
      all += pattern(n);
    }
    REQUIRE(write(x.loop, *x.client, std::move(chunks)).value() == all.size());
    while (got.size() < all.size()) got += read(x.loop, *x.server)->view();
    REQUIRE(got == all);
  }
}

TEST_CASE("several records that have come are read as one chunk") {
  Connection x;
  for (int i = 0; i < 5; ++i) REQUIRE(write(x.loop, *x.client, "0123456789").has_value());
  settle(x.loop);
  std::string got(read(x.loop, *x.server)->view());
  while (got.size() < 50) got += read(x.loop, *x.server)->view();
  REQUIRE(got.size() == 50);
}

TEST_CASE("an orderly end leaves the other direction open") {
  Connection x;
  REQUIRE(write(x.loop, *x.client, "request").has_value());
  REQUIRE(finish(x.loop, *x.client).has_value());
  REQUIRE(read(x.loop, *x.server)->view() == "request");
  REQUIRE(read(x.loop, *x.server)->empty());
  REQUIRE(read(x.loop, *x.server)->empty());
  REQUIRE(write(x.loop, *x.server, "answer").has_value());
  REQUIRE(finish(x.loop, *x.server).has_value());
  REQUIRE(read(x.loop, *x.client)->view() == "answer");
  REQUIRE(read(x.loop, *x.client)->empty());
}

TEST_CASE("an end without close_notify is an error, after all that came before it") {
  Connection x;
  REQUIRE(write(x.loop, *x.client, "half of it").has_value());
  REQUIRE(finish(x.loop, x.client->lower()).has_value());
  REQUIRE(read(x.loop, *x.server)->view() == "half of it");
  auto end = read(x.loop, *x.server);
  REQUIRE(end.error().code == Errc::reset);
  REQUIRE(read(x.loop, *x.server).error().code == Errc::reset);
  REQUIRE(write(x.loop, *x.server, "x").error().code == Errc::reset);
}

TEST_CASE("a record that was changed on the way is an error, and its sender learns of it") {
  Connection x;
  x.client_wire->spoil = true;
  REQUIRE(write(x.loop, *x.client, "pay 100 to alice").has_value());
  auto read_back = read(x.loop, *x.server);
  REQUIRE(read_back.error().code == Errc::tls);
  REQUIRE(std::string_view(read_back.error().why) == "a TLS record was changed on the way");
  REQUIRE(read(x.loop, *x.client).error().code == Errc::tls);
}

TEST_CASE("closing ends whoever waits") {
  Connection x;
  std::string got;
  std::optional<Result<>> end;
  spawn(receive_all(*x.server, got, end));
  settle(x.loop);
  REQUIRE_FALSE(end.has_value());
  x.server->close({Errc::timeout, Side::client, "idle"});
  x.loop.run_until([&] { return end.has_value(); });
  REQUIRE(end->error().code == Errc::timeout);
  REQUIRE(write(x.loop, *x.server, "x").error().code == Errc::timeout);
  REQUIRE(read(x.loop, *x.client).error().code == Errc::reset);
}

TEST_CASE("a stream may go while a read waits") {
  Connection x;
  std::string got;
  std::optional<Result<>> end;
  spawn(receive_all(*x.server, got, end));
  settle(x.loop);
  x.server.reset();
  x.loop.run_until([&] { return end.has_value(); });
  REQUIRE(end->error().code == Errc::cancelled);
}

TEST_CASE("a slow reader holds the writer back") {
  Connection x(64 * 1024);
  bool sent = false;
  spawn(send_all(*x.client, pattern(2'000'000), 10'000, sent));
  settle(x.loop);
  settle(x.loop);
  REQUIRE_FALSE(sent);
  REQUIRE(x.client->bytes_written() < 200'000);
  std::string got;
  std::optional<Result<>> end;
  spawn(receive_all(*x.server, got, end));
  x.loop.run_until([&] { return end.has_value(); });
  REQUIRE(got == pattern(2'000'000));
}

TEST_CASE("a stream is ready when a read would not wait") {
  Connection x;
  REQUIRE_FALSE(x.server->ready());
  REQUIRE(write(x.loop, *x.client, "x").has_value());
  REQUIRE(x.server->ready());
  REQUIRE(read(x.loop, *x.server)->view() == "x");
  REQUIRE_FALSE(x.server->ready());
  REQUIRE(finish(x.loop, *x.client).has_value());
  REQUIRE(x.server->ready());
}

TEST_CASE("a connection is not worn by a few records") {
  Connection x;
  REQUIRE(write(x.loop, *x.client, pattern(100'000)).has_value());
  REQUIRE(read(x.loop, *x.server).has_value());
  REQUIRE_FALSE(x.client->worn());
  REQUIRE_FALSE(x.server->worn());
}

TEST_CASE("frames of reads and writes stay small") {
  Connection x;
  bool sent = false;
  std::string got;
  std::optional<Result<>> end;
  spawn(receive_all(*x.server, got, end));
  spawn(send_all(*x.client, pattern(1'000'000), 400'000, sent));
  x.loop.run_until([&] { return end.has_value() && sent; });
  INFO(largest_frame());
  REQUIRE(largest_frame() <= 1024);
}

}  // namespace meshd
