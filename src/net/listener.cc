// SPDX-License-Identifier: Apache-2.0
#include "net/listener.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>

#include "base/limits.h"
#include "base/log.h"
#include "loop/loop.h"

namespace meshd {
namespace {

Detailed bind_error(const SocketAddress& at, int error) {
  if (error == EADDRINUSE)
    return {Errc::conflict, at.text() + " is in use by another program; stop it or choose another port"};
  if (error == EACCES)
    return {Errc::permission, "no permission to listen on " + at.text() +
                                  "; ports below 1024 need root or the capability net_bind_service"};
  if (error == EADDRNOTAVAIL) return {Errc::unreachable, at.text() + " is not an address of this machine"};
  return {Errc::io, "cannot listen on " + at.text() + ": " + strerror(error)};
}

// A socket file that nobody answers on is left from a crash.
bool remove_stale_socket(const SocketAddress& at) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool stale = fd >= 0 && connect(fd, at.sa(), at.size()) != 0 && errno == ECONNREFUSED;
  if (fd >= 0) ::close(fd);
  return stale && unlink(at.ip().c_str()) == 0;
}

Outcome<int> bind_socket(const SocketAddress& at, bool share_port) {
  int fd = socket(at.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(bind_error(at, errno));
  int on = 1;
  if (at.family() != AF_UNIX) {
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (share_port) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    set_tcp_options(fd);
  }
  int status = bind(fd, at.sa(), at.size());
  if (status != 0 && errno == EADDRINUSE && at.family() == AF_UNIX && remove_stale_socket(at))
    status = bind(fd, at.sa(), at.size());
  if (status != 0) {
    int error = errno;
    ::close(fd);
    return fail(bind_error(at, error));
  }
  if (at.family() == AF_UNIX) chmod(at.ip().c_str(), 0660);
  return fd;
}

// Accepted in one go, before other connections get their turn.
constexpr int kAcceptsPerEvent = 64;
// Without descriptors or memory, accepting pauses: trying again at once would only burn CPU.
constexpr milliseconds kExhaustedPause{100};

}  // namespace

struct Listener::Impl {
  uv_poll_t poll;
  int fd = -1;
  Accept accept;
  SocketAddress local;
  bool any_address = false;  // each connection has a local address of its own
  bool owned = true;         // false once the Listener is gone
  bool closing = false;
  bool closed = false;     // libuv has let go of poll
  bool exhausted = false;  // said so in the log already
  Timer resume{[](void* self) { static_cast<Impl*>(self)->listen_on(); }, this};

  void listen_on() {
    uv_poll_start(&poll, UV_READABLE,
                  [](uv_poll_t* p, int, int) { static_cast<Impl*>(p->data)->accept_some(); });
  }
  void accept_some();
};

void Listener::Impl::accept_some() {
  for (int i = 0; i < kAcceptsPerEvent && !closing; ++i) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    int connection = accept4(fd, reinterpret_cast<sockaddr*>(&from), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (connection >= 0) {
      exhausted = false;
      auto peer = SocketAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&from), size);
      auto stream = any_address ? TcpStream::adopt(connection) : TcpStream::accepted(connection, local, peer);
      if (stream) accept(std::move(*stream));
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      if (!exhausted) log::warn("accepting pauses", {{"listener", local.text()}, {"error", strerror(errno)}});
      exhausted = true;
      uv_poll_stop(&poll);
      resume.start(kExhaustedPause);
    }
    return;
  }
}

Outcome<std::unique_ptr<Listener>> Listener::open(const SocketAddress& at, Accept accept) {
  auto fd = bind_socket(at, true);
  if (!fd) return fail(fd.error());
  if (listen(*fd, kListenBacklog) != 0) {
    int error = errno;
    ::close(*fd);
    return fail(bind_error(at, error));
  }
  auto* i = new Impl;
  i->fd = *fd;
  i->accept = std::move(accept);
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  getsockname(*fd, reinterpret_cast<sockaddr*>(&name), &size);
  i->local = SocketAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&name), size);
  i->any_address = i->local.ip() == "0.0.0.0" || i->local.ip() == "::";
  uv_poll_init(Loop::current().uv(), &i->poll, *fd);
  i->poll.data = i;
  i->listen_on();
  return std::make_unique<Listener>(i);
}

void Listener::close() {
  Impl& i = *impl_;
  if (i.closing) return;
  i.closing = true;
  i.resume.stop();
  // uv_close takes the descriptor out of epoll at once: only then may its number be used again.
  uv_close(reinterpret_cast<uv_handle_t*>(&i.poll), [](uv_handle_t* h) {
    auto* self = static_cast<Impl*>(h->data);
    self->closed = true;
    if (!self->owned) delete self;
  });
  ::close(i.fd);
  if (i.local.family() == AF_UNIX) unlink(i.local.ip().c_str());
}

Listener::~Listener() {
  close();
  impl_->owned = false;
  if (impl_->closed) delete impl_;
}

const SocketAddress& Listener::local() const { return impl_->local; }

Outcome<> check_port_free(const SocketAddress& at) {
  auto fd = bind_socket(at, false);
  if (!fd) return fail(fd.error());
  ::close(*fd);
  return {};
}

}  // namespace meshd
