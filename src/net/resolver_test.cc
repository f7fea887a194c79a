// SPDX-License-Identifier: Apache-2.0
#include "net/resolver.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "loop/loop.h"

namespace meshd {

namespace {

// A DNS server that knows one name and answers queries for it with 10.1.2.3, others with NXDOMAIN (RFC 1035 4.1).
class OneNameServer {
 public:
  OneNameServer() {
    fd_ = socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    socklen_t size = sizeof at;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~OneNameServer() {
    // A datagram of its own wakes it up to leave.
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(port_);
    sendto(fd_, "x", 1, 0, reinterpret_cast<sockaddr*>(&at), sizeof at);
    thread_.join();
    close(fd_);
  }
  std::string text() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  void serve() {
    for (;;) {
      char q[512];
      sockaddr_in from{};
      socklen_t size = sizeof from;
      ssize_t n = recvfrom(fd_, q, sizeof q, 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (n < 12) return;
      std::string question(q + 12, static_cast<size_t>(n) - 12);
      size_t name_end = question.find('\0');
      bool ours = question.compare(0, name_end, "\x03web\x04test") == 0;
      bool wants_a = question[name_end + 2] == 1;
      std::string a(q, 2);
      a += ours ? std::string("\x81\x80", 2) : std::string("\x81\x83", 2);
      a += std::string("\0\1\0", 3) + (ours && wants_a ? '\1' : '\0') + std::string("\0\0\0\0", 4);
      a += question.substr(0, name_end + 5);
      if (ours && wants_a) a += std::string("\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\1\2\3", 16);
      sendto(fd_, a.data(), a.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }
  int fd_;
  uint16_t port_;
  std::thread thread_;
};

using Answer = std::optional<Result<std::vector<SocketAddress>>>;
Task<void> ask(Resolver& r, std::string host, Answer& out) { out = co_await r.resolve(std::move(host), 80); }

}  // namespace

TEST_CASE("a name is resolved by DNS, an address is its own answer, a name that is none fails") {
  OneNameServer server;
  Loop loop;
  {
    Resolver resolver({server.text(), milliseconds(2000), 2});
    Answer known, unknown, literal;
    spawn(ask(resolver, "web.test", known));
    spawn(ask(resolver, "nobody.test", unknown));
    spawn(ask(resolver, "fd00::7", literal));
    loop.run_until([&] { return loop.tasks() == 0; });
    REQUIRE(*known);
    REQUIRE((*known)->size() == 1);
    CHECK((*known)->front().text() == "10.1.2.3:80");
    REQUIRE_FALSE(*unknown);
    CHECK(unknown->error().code == Errc::resolve);
    CHECK((*literal)->front().text() == "[fd00::7]:80");
  }
}

TEST_CASE("host:port takes names and addresses apart") {
  CHECK(parse_host_port("mesh.example:15012")->host == "mesh.example");
  CHECK(parse_host_port("10.0.0.1:15012")->port == 15012);
  CHECK(parse_host_port("[fd00::1]:15012")->host == "fd00::1");
  for (const char* bad :
       {"", "mesh", ":80", "mesh:", "mesh:0", "mesh:99999", "a b:80", "fd00::1:80", "me/sh:80"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_host_port(bad));
  }
}

}  // namespace meshd
