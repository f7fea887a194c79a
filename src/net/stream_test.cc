// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "base/limits.h"
#include "loop/loop.h"
#include "net/listener.h"
#include "net/pipe.h"
#include "net/socket_owner.h"
#include "net/tcp_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace meshd {

namespace {

struct Ends {
  std::unique_ptr<ByteStream> a, b;
};

Task<void> connect_to(SocketAddress at, std::unique_ptr<ByteStream>& out, std::optional<Error>& error) {
  auto stream = co_await tcp_connect(at, milliseconds(1000));
  if (stream)
    out = std::move(*stream);
  else
    error = stream.error();
}

// Two connected TCP streams over loopback.
Ends tcp_pair(Loop& loop) {
  Ends ends;
  auto listener = Listener::open(*SocketAddress::parse("127.0.0.1:0"),
                                 [&](std::unique_ptr<TcpStream> s) { ends.b = std::move(s); });
  REQUIRE(listener);
  std::optional<Error> error;
  spawn(connect_to((*listener)->local(), ends.a, error));
  loop.run_until([&] { return (ends.a && ends.b) || error; });
  REQUIRE_FALSE(error);
  return ends;
}

Ends pipe_pair(Loop&) {
  PipePair p = make_pipe();
  return {std::move(p.a), std::move(p.b)};
}

Task<void> send(ByteStream& s, size_t bytes, size_t piece, bool& done) {
  for (size_t sent = 0; sent < bytes;) {
    size_t n = std::min(piece, bytes - sent);
    std::string text(n, '\0');
    for (size_t i = 0; i < n; ++i) text[i] = static_cast<char>((sent + i) * 31 >> 3);
    auto written = co_await s.write(Chunk::copy(text));
    if (!written) co_return;
    sent += n;
  }
  (void)co_await s.finish();
  done = true;
}

Task<void> receive(ByteStream& s, size_t& bytes, bool& right, bool& ended) {
  right = true;
  for (;;) {
    auto chunk = co_await s.read();
    if (!chunk) co_return;
    if (chunk->empty()) break;
    for (size_t i = 0; i < chunk->size(); ++i)
      right = right && chunk->view()[i] == static_cast<char>((bytes + i) * 31 >> 3);
    bytes += chunk->size();
  }
  ended = true;
}

Task<void> note_read(ByteStream& s, std::optional<Result<Chunk>>& out) { out = co_await s.read(); }
Task<void> note_write(ByteStream& s, size_t n, std::optional<Result<size_t>>& out) {
  out = co_await s.write(Chunk::copy(std::string(n, 'x')));
}

using Maker = Ends (*)(Loop&);
constexpr std::pair<const char*, Maker> kStreams[] = {{"tcp", tcp_pair}, {"pipe", pipe_pair}};

}  // namespace

TEST_CASE("bytes arrive whole and in order, both ways at once, and the end is an end") {
  for (auto [name, make] : kStreams) {
    CAPTURE(name);
    Loop loop;
    {
      Ends ends = make(loop);
      constexpr size_t kBytes = 5'000'000;
      bool sent_a = false, sent_b = false, right_a = false, right_b = false, end_a = false, end_b = false;
      size_t got_a = 0, got_b = 0;
      spawn(send(*ends.a, kBytes, 100'000, sent_a));
      spawn(send(*ends.b, kBytes, 777, sent_b));
      spawn(receive(*ends.a, got_a, right_a, end_a));
      spawn(receive(*ends.b, got_b, right_b, end_b));
      loop.run_until([&] { return loop.tasks() == 0; });
      CHECK((sent_a && sent_b && right_a && right_b && end_a && end_b));
      CHECK(got_a == kBytes);
      CHECK(got_b == kBytes);
    }
  }
}

TEST_CASE("a writer waits for a reader that does not read, with bounded bytes held") {
  for (auto [name, make] : kStreams) {
    CAPTURE(name);
    Loop loop;
    {
      Ends ends = make(loop);
      bool sent = false;
      spawn(send(*ends.a, 64'000'000, 50'000, sent));
      // Let the socket buffers fill up: until nothing moves for a while.
      size_t queued = 0;
      int still = 0;
      while (still < 5) {
        bool waited = false;
        Timer t([](void* flag) { *static_cast<bool*>(flag) = true; }, &waited);
        t.start(milliseconds(20));
        loop.run_until([&] { return waited; });
        still = ends.a->queued() == queued ? still + 1 : 0;
        queued = ends.a->queued();
      }
      CHECK_FALSE(sent);
      CHECK(ends.a->queued() <= kStreamOutboxHigh + 50'000);
      size_t got = 0;
      bool right = false, ended = false;
      spawn(receive(*ends.b, got, right, ended));
      loop.run_until([&] { return loop.tasks() == 0; });
      CHECK((sent && right && ended));
      CHECK(got == 64'000'000);
    }
  }
}

TEST_CASE("close completes a waiting read and a waiting write with its reason") {
  for (auto [name, make] : kStreams) {
    CAPTURE(name);
    Loop loop;
    {
      Ends ends = make(loop);
      std::optional<Result<Chunk>> read;
      std::optional<Result<size_t>> write;
      spawn(note_read(*ends.a, read));
      spawn(note_write(*ends.a, 50'000'000, write));
      bool turned = false;
      loop.post([&] { turned = true; });
      loop.run_until([&] { return turned; });
      REQUIRE_FALSE(read);
      ends.a->close({Errc::timeout, Side::self, "test"});
      loop.run_until([&] { return loop.tasks() == 0; });
      CHECK(read->error().code == Errc::timeout);
      CHECK(write->error().code == Errc::timeout);
      std::optional<Result<Chunk>> again;
      spawn(note_read(*ends.a, again));
      loop.run_until([&] { return loop.tasks() == 0; });
      CHECK(again->error().code == Errc::timeout);
    }
  }
}

TEST_CASE("a stream whose other end was closed with a reset reads a reset") {
  for (auto [name, make] : kStreams) {
    CAPTURE(name);
    Loop loop;
    {
      Ends ends = make(loop);
      ends.b->close({Errc::reset, Side::self, "test"});
      std::optional<Result<Chunk>> read;
      spawn(note_read(*ends.a, read));
      loop.run_until([&] { return loop.tasks() == 0; });
      REQUIRE_FALSE(*read);
      CHECK(read->error().code == Errc::reset);
      CHECK(ends.a->ready());
    }
  }
}

TEST_CASE("an accepted connection has its listener's options and knows both of its ends") {
  Loop loop;
  {
    Ends ends = tcp_pair(loop);
    auto& accepted = dynamic_cast<TcpStream&>(*ends.b);
    auto& connected = dynamic_cast<TcpStream&>(*ends.a);
    for (int option : {TCP_NODELAY, TCP_USER_TIMEOUT, TCP_NOTSENT_LOWAT}) {
      int set[2] = {0, 0};
      socklen_t size = sizeof set[0];
      REQUIRE(getsockopt(accepted.fd(), IPPROTO_TCP, option, &set[0], &size) == 0);
      REQUIRE(getsockopt(connected.fd(), IPPROTO_TCP, option, &set[1], &size) == 0);
      CHECK(set[0] > 0);
      CHECK(set[0] == set[1]);
    }
    CHECK(accepted.local() == connected.peer());
    CHECK(accepted.peer() == connected.local());
  }
}

TEST_CASE("connecting to a port nobody listens on is refused") {
  Loop loop;
  std::unique_ptr<ByteStream> none;
  std::optional<Error> error;
  spawn(connect_to(*SocketAddress::parse("127.0.0.1:1"), none, error));
  loop.run_until([&] { return loop.tasks() == 0; });
  REQUIRE(error);
  CHECK(error->code == Errc::refused);
  CHECK(error->side == Side::upstream);
}

TEST_CASE("a port in use is an error with a sentence") {
  Loop loop;
  auto first = Listener::open(*SocketAddress::parse("127.0.0.1:0"), [](auto) {});
  REQUIRE(first);
  auto is_free = check_port_free((*first)->local());
  REQUIRE_FALSE(is_free);
  CHECK(is_free.error().code == Errc::conflict);
  CHECK(is_free.error().what.find("is in use by another program") != std::string::npos);
}

TEST_CASE("a Unix socket left by a crash is replaced, a live one is not") {
  Loop loop;
  std::string path = "/tmp/meshd-test-" + std::to_string(getpid()) + ".sock";
  auto at = *SocketAddress::unix_path(path);
  auto live = Listener::open(at, [](auto) {});
  REQUIRE(live);
  CHECK_FALSE(Listener::open(at, [](auto) {}));
  live->reset();
  // Bound and abandoned: the file stays, nobody answers.
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(bind(fd, at.sa(), at.size()) == 0);
  ::close(fd);
  CHECK(Listener::open(at, [](auto) {}));
}

TEST_CASE("the kernel tells who owns the other end of a local connection") {
  Loop loop;
  {
    std::unique_ptr<TcpStream> accepted;
    auto listener = Listener::open(*SocketAddress::parse("127.0.0.1:0"),
                                   [&](std::unique_ptr<TcpStream> s) { accepted = std::move(s); });
    REQUIRE(listener);
    std::unique_ptr<ByteStream> client;
    std::optional<Error> error;
    spawn(connect_to((*listener)->local(), client, error));
    loop.run_until([&] { return (client && accepted) || error; });
    auto owner = find_caller(accepted->peer(), accepted->local(), accepted->fd());
    REQUIRE(owner);
    CHECK(owner->uid == getuid());
    CHECK_FALSE(find_caller(*SocketAddress::parse("127.0.0.1:1"), accepted->local(), accepted->fd()));
  }
}

TEST_CASE("addresses are parsed strictly and written back the same") {
  for (const char* good : {"127.0.0.1:80", "[::1]:15008", "0.0.0.0:0", "[fd00::2]:65535"}) {
    auto a = SocketAddress::parse(good);
    REQUIRE(a);
    CHECK(a->text() == good);
  }
  for (const char* bad :
       {"", "80", "localhost:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "::1:80",
        "[127.0.0.1]:80", "127.0.0.1:80 ", "[::1]80", "1.2.3:4"}) {
    CAPTURE(bad);
    CHECK_FALSE(SocketAddress::parse(bad));
  }
  CHECK_FALSE(SocketAddress::from_ip(std::string_view("10.0.0.1\0x", 10), 80));
  CHECK_FALSE(SocketAddress::parse(std::string_view("10.0.0.1\0x:80", 13)));
}

}  // namespace meshd
