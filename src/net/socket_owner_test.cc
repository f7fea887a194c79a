// SPDX-License-Identifier: Apache-2.0
#include "net/socket_owner.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <utility>

namespace meshd {
namespace {

struct Fd {
  int fd = -1;
  explicit Fd(int f) : fd(f) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { shut(); }
  void shut() {
    if (fd >= 0) close(std::exchange(fd, -1));
  }
  SocketAddress here() const { return name(getsockname); }
  SocketAddress there() const { return name(getpeername); }

 private:
  template <class Ask>
  SocketAddress name(Ask ask) const {
    sockaddr_storage s{};
    socklen_t size = sizeof s;
    REQUIRE(ask(fd, reinterpret_cast<sockaddr*>(&s), &size) == 0);
    return SocketAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&s), size);
  }
};

int make(int family) {
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  return fd;
}

// A listener, a client of it, and the connection between them.
struct Three {
  Fd listener{make(AF_INET)};
  Fd client;
  Fd accepted{-1};
  explicit Three(int client_family = AF_INET) : client(make(client_family)) {
    auto any = *SocketAddress::from_ip("127.0.0.1", 0);
    REQUIRE(bind(listener.fd, any.sa(), any.size()) == 0);
    REQUIRE(listen(listener.fd, 4) == 0);
    auto at = *SocketAddress::from_ip(client_family == AF_INET ? "127.0.0.1" : "::ffff:127.0.0.1",
                                      listener.here().port());
    REQUIRE(connect(client.fd, at.sa(), at.size()) == 0);
    accepted.fd = accept(listener.fd, nullptr, nullptr);
    REQUIRE(accepted.fd >= 0);
  }
};

}  // namespace

TEST_CASE("a caller is known by its user, also through a socket of the other family") {
  for (int family : {AF_INET, AF_INET6}) {
    CAPTURE(family);
    Three t(family);
    auto owner = find_caller(t.accepted.there(), t.accepted.here(), t.accepted.fd);
    REQUIRE(owner);
    CHECK(owner->uid == getuid());
    CHECK(owner->cookie != 0);
  }
}

TEST_CASE("a caller that wrote and closed is gone, and nobody: a closed socket shows user 0") {
  for (bool reset : {false, true}) {
    CAPTURE(reset);
    Three t;
    auto source = t.accepted.there(), destination = t.accepted.here();
    REQUIRE(write(t.client.fd, "x", 1) == 1);
    linger hard{1, 0};
    if (reset) setsockopt(t.client.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    t.client.shut();
    auto owner = find_caller(source, destination, t.accepted.fd);
    REQUIRE_FALSE(owner);
    CHECK(owner.error() == NoOwner::gone);
  }
}

TEST_CASE("after a reset the caller is not whoever has its port by now") {
  Three t;
  auto source = t.accepted.there(), destination = t.accepted.here();
  linger hard{1, 0};
  setsockopt(t.client.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  t.client.shut();
  SECTION("connected to the same listener") {
    Fd other(make(AF_INET));
    REQUIRE(bind(other.fd, source.sa(), source.size()) == 0);
    REQUIRE(connect(other.fd, destination.sa(), destination.size()) == 0);
    CHECK_FALSE(find_caller(source, destination, t.accepted.fd));
    Fd second(accept(t.listener.fd, nullptr, nullptr));
    CHECK(find_caller(source, destination, second.fd));
  }
  SECTION("listening there") {
    Fd other(make(AF_INET));
    REQUIRE(bind(other.fd, source.sa(), source.size()) == 0);
    REQUIRE(listen(other.fd, 1) == 0);
    CHECK_FALSE(find_caller(source, destination, t.accepted.fd));
  }
}

TEST_CASE("a port's listener is known, and another one after it is another") {
  Three t;
  auto at = t.listener.here();
  auto first = find_listener(at);
  REQUIRE(first);
  CHECK(first->uid == getuid());
  CHECK(find_listener(at) == first);
  auto server = find_server(at, t.client.here());
  REQUIRE(server);
  CHECK(server->cgroup == first->cgroup);
  CHECK(server->cookie != first->cookie);
  t.listener.shut();
  CHECK_FALSE(find_listener(at));
  Fd next(make(AF_INET));
  REQUIRE(bind(next.fd, at.sa(), at.size()) == 0);
  REQUIRE(listen(next.fd, 1) == 0);
  auto second = find_listener(at);
  REQUIRE(second);
  CHECK(second->cookie != first->cookie);
}

TEST_CASE("a listener for both families, or any address, is found too") {
  Fd six(make(AF_INET6));
  int no = 0;
  setsockopt(six.fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
  auto any = *SocketAddress::from_ip("::", 0);
  REQUIRE(bind(six.fd, any.sa(), any.size()) == 0);
  REQUIRE(listen(six.fd, 1) == 0);
  CHECK(find_listener(*SocketAddress::from_ip("127.0.0.1", six.here().port())));
}

}  // namespace meshd
