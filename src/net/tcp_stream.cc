// SPDX-License-Identifier: Apache-2.0
#include "net/tcp_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <cassert>
#include <cerrno>
#include <optional>
#include <vector>

#include "base/limits.h"
#include "loop/loop.h"

namespace meshd {
namespace {

// One slab a thread: all connections of a loop read into it in turn.
ReadSlab& read_slab() {
  thread_local ReadSlab slab;
  return slab;
}

Error error_from_uv(int status, Side side) {
  switch (status) {
    case UV_ECONNRESET:
    case UV_EPIPE:
    case UV_ECONNABORTED: return {Errc::reset, side, "connection reset by peer"};
    case UV_ETIMEDOUT: return {Errc::timeout, side, "connection timed out"};
    case UV_ECONNREFUSED: return {Errc::refused, side, "connection refused"};
    case UV_ENETUNREACH:
    case UV_EHOSTUNREACH:
    case UV_EADDRNOTAVAIL: return {Errc::unreachable, side, "address unreachable"};
    case UV_ENOENT: return {Errc::refused, side, "no such socket"};
    case UV_EMFILE:
    case UV_ENFILE:
    case UV_ENOBUFS:
    case UV_ENOMEM: return {Errc::exhausted, Side::self, "out of descriptors or memory"};
    case UV_EACCES:
    case UV_EPERM: return {Errc::permission, side, "the kernel refuses the connection"};
    default: return {Errc::io, side, "socket error"};
  }
}

}  // namespace

struct TcpStream::Impl final : TurnEnd {
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  };
  Loop& loop = Loop::current();
  SocketAddress local, peer;
  bool owned = true;   // false once the TcpStream is gone
  bool freed = false;  // libuv has closed the handle
  bool closing = false;
  bool at_end = false;  // the peer sent its end
  bool reading = false;
  bool finish_asked = false;
  bool finish_sent = false;
  bool write_pending = false;
  std::optional<Error> broken;
  uint64_t total_read = 0, total_written = 0;

  ChunkQueue inbox;
  Op<Result<Chunk>> read_op;
  ChunkQueue outbox;
  size_t write_size = 0;            // of the waiting write
  size_t write_size_in_flight = 0;  // bytes of the outbox that libuv is writing
  Op<Result<size_t>> write_op;
  Op<Result<>> finish_op;
  uv_write_t write_request;

  ~Impl() = default;

  void start_reading();
  void on_read(ssize_t n);
  void turn_end() override;
  void on_written(int status);
  void progress();
  void send_end();
  void break_with(Error why);
  void shut(Error why);
};

void TcpStream::Impl::start_reading() {
  if (reading || closing || at_end || broken) return;
  reading = true;
  auto allocate = [](uv_handle_t* h, size_t, uv_buf_t* buffer) {
    auto& self = *static_cast<Impl*>(h->data);
    // Nobody takes what has come: a buffer of no length makes libuv leave the bytes in the kernel.
    if (self.inbox.size() >= kStreamInboxMax) {
      *buffer = uv_buf_init(nullptr, 0);
      return;
    }
    std::span<char> space = read_slab().space();
    *buffer = uv_buf_init(space.data(), static_cast<unsigned>(space.size()));
  };
  auto arrived = [](uv_stream_t* s, ssize_t n, const uv_buf_t*) { static_cast<Impl*>(s->data)->on_read(n); };
  int status = uv_read_start(&stream, allocate, arrived);
  if (status != 0) break_with(error_from_uv(status, Side::client));
}

void TcpStream::Impl::on_read(ssize_t n) {
  if (n > 0) {
    total_read += static_cast<uint64_t>(n);
    Chunk c = read_slab().take(static_cast<size_t>(n));
    if (read_op.waiting() && !read_op.filled())
      read_op.complete(std::move(c));
    else
      inbox.push(std::move(c));
  } else if (n == UV_ENOBUFS) {
    // A second turn with a full inbox: stop asking the kernel until somebody reads.
    uv_read_stop(&stream);
    reading = false;
  } else if (n == UV_EOF) {
    at_end = true;
    reading = false;
    uv_read_stop(&stream);
    if (read_op.waiting()) read_op.complete(Chunk());
  } else if (n < 0) {
    break_with(error_from_uv(static_cast<int>(n), Side::client));
  }
}

// Writes what the turn gathered: first directly, and what the kernel does not take by libuv's queue.
void TcpStream::Impl::turn_end() {
  if (closing || broken || write_pending) return;
  constexpr size_t kBuffersMax = 64;
  uv_buf_t buffers[kBuffersMax];
  while (!outbox.empty()) {
    unsigned count = 0;
    size_t bytes = 0;
    for (const Chunk& c : outbox.chunks()) {
      if (count == kBuffersMax) break;
      buffers[count++] = uv_buf_init(const_cast<char*>(c.data()), static_cast<unsigned>(c.size()));
      bytes += c.size();
    }
    int n = uv_try_write(&stream, buffers, count);
    if (n > 0) {
      total_written += static_cast<uint64_t>(n);
      outbox.drop(static_cast<size_t>(n));
      if (static_cast<size_t>(n) == bytes) continue;
    } else if (n < 0 && n != UV_EAGAIN) {
      break_with(error_from_uv(n, Side::client));
      return;
    }
    // The socket is full. An empty uv_write would complete at once, so the rest goes through the queue;
    // the chunks stay in the outbox until it is done.
    count = 0;
    write_size_in_flight = 0;
    for (const Chunk& c : outbox.chunks()) {
      if (count == kBuffersMax) break;
      buffers[count++] = uv_buf_init(const_cast<char*>(c.data()), static_cast<unsigned>(c.size()));
      write_size_in_flight += c.size();
    }
    write_pending = true;
    write_request.data = this;
    int status = uv_write(&write_request, &stream, buffers, count, [](uv_write_t* r, int written) {
      static_cast<Impl*>(r->data)->on_written(written);
    });
    if (status != 0) {
      write_pending = false;
      break_with(error_from_uv(status, Side::client));
    }
    break;
  }
  progress();
}

void TcpStream::Impl::on_written(int status) {
  write_pending = false;
  if (closing) return;
  if (status != 0) {
    break_with(error_from_uv(status, Side::client));
    return;
  }
  total_written += write_size_in_flight;
  outbox.drop(write_size_in_flight);
  progress();
  if (!outbox.empty()) loop.at_turn_end(*this);
}

// Lets a waiting writer go on, and sends the end when it is due.
void TcpStream::Impl::progress() {
  if (write_op.waiting() && outbox.size() <= kStreamOutboxHigh / 2) write_op.complete(write_size);
  if (finish_asked && !finish_sent && outbox.empty() && !write_pending) send_end();
}

// Everything is written: no need of uv_shutdown, which waits a turn for that.
void TcpStream::Impl::send_end() {
  finish_sent = true;
  uv_os_fd_t fd = -1;
  uv_fileno(&handle, &fd);
  // A peer that is gone already is noticed by whoever reads.
  ::shutdown(fd, SHUT_WR);
  if (finish_op.waiting()) finish_op.complete(Result<>());
}

// The connection is gone: whoever waits learns it now, whoever asks later then. Data that came before
// can still be read.
void TcpStream::Impl::break_with(Error why) {
  if (broken) return;
  broken = why;
  if (reading) uv_read_stop(&stream);
  reading = false;
  // The outbox stays until the handle is closed: libuv may still be reading from it.
  if (read_op.waiting()) read_op.complete(fail(why));
  if (write_op.waiting()) write_op.complete(fail(why));
  if (finish_op.waiting()) finish_op.complete(fail(why));
}

void TcpStream::Impl::shut(Error why) {
  if (closing) return;
  break_with(why);
  closing = true;
  inbox.clear();
  loop.forget(*this);
  auto closed = [](uv_handle_t* h) {
    auto* self = static_cast<Impl*>(h->data);
    self->closing = true;
    self->freed = true;
    if (!self->owned) delete self;
  };
  if (handle.type == UV_TCP && why.code == Errc::reset && !finish_sent &&
      uv_tcp_close_reset(&tcp, closed) == 0)
    return;
  uv_close(&handle, closed);
}

void set_tcp_options(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  auto user_timeout = static_cast<unsigned>(kTcpUserTimeout.count());
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof user_timeout);
  setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentMax, sizeof kUnsentMax);
}

Result<std::unique_ptr<TcpStream>> TcpStream::adopt(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  auto local = SocketAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&address), size);
  address = {};
  size = sizeof address;
  getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size);
  auto peer = SocketAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&address), size);
  if (local.family() != AF_UNIX) set_tcp_options(fd);
  return accepted(fd, local, peer);
}

Result<std::unique_ptr<TcpStream>> TcpStream::accepted(int fd, SocketAddress local, SocketAddress peer) {
  auto* i = new Impl;
  i->local = local;
  i->peer = peer;
  uv_loop_t* uv = i->loop.uv();
  int status;
  if (i->local.family() == AF_UNIX) {
    uv_pipe_init(uv, &i->pipe, 0);
    status = uv_pipe_open(&i->pipe, fd);
  } else {
    uv_tcp_init(uv, &i->tcp);
    status = uv_tcp_open(&i->tcp, fd);
  }
  i->handle.data = i;
  auto stream = std::make_unique<TcpStream>(i);
  if (status != 0) {
    ::close(fd);
    stream->close({Errc::exhausted, Side::self, "cannot use the socket"});
    return fail(error_from_uv(status, Side::self));
  }
  return stream;
}

TcpStream::~TcpStream() {
  impl_->shut({Errc::cancelled, Side::self, "stream destroyed"});
  impl_->owned = false;
  if (impl_->freed) delete impl_;
}

Await<Result<Chunk>> TcpStream::read() {
  Impl& i = *impl_;
  if (!i.inbox.empty()) {
    Chunk c = i.inbox.pop();
    i.start_reading();
    return c;
  }
  if (i.broken) return Result<Chunk>(fail(*i.broken));
  if (i.at_end) return Chunk();
  i.start_reading();
  return i.read_op;
}

Await<Result<size_t>> TcpStream::write(Chunks chunks) {
  Impl& i = *impl_;
  if (i.broken) return Result<size_t>(fail(*i.broken));
  assert(!i.finish_asked);
  size_t size = total_size(chunks);
  for (Chunk& c : chunks) i.outbox.push(std::move(c));
  i.loop.at_turn_end(i);
  if (i.outbox.size() < kStreamOutboxHigh) return size;
  i.write_size = size;
  return i.write_op;
}

Await<Result<>> TcpStream::finish() {
  Impl& i = *impl_;
  if (i.broken) return Result<>(fail(*i.broken));
  if (i.finish_asked) return Result<>();
  i.finish_asked = true;
  i.loop.at_turn_end(i);
  return i.finish_op;
}

void TcpStream::close(Error why) { impl_->shut(why); }
bool TcpStream::ready() const {
  return !impl_->inbox.empty() || impl_->at_end || impl_->broken.has_value() || impl_->read_op.filled();
}
size_t TcpStream::queued() const {
  if (impl_->broken) return 0;
  size_t size = impl_->outbox.size();
  // What libuv has written of a long write stays in the outbox until all of it is.
  if (impl_->write_pending)
    size -= impl_->write_size_in_flight - uv_stream_get_write_queue_size(&impl_->stream);
  return size;
}
const SocketAddress& TcpStream::local() const { return impl_->local; }
const SocketAddress& TcpStream::peer() const { return impl_->peer; }
uint64_t TcpStream::bytes_read() const { return impl_->total_read; }
uint64_t TcpStream::bytes_written() const { return impl_->total_written; }

int TcpStream::fd() const {
  uv_os_fd_t fd = -1;
  uv_fileno(&impl_->handle, &fd);
  return fd;
}

namespace {

// A socket on its way to being connected: writable means done or failed.
struct Connecting {
  uv_poll_t poll;
  int fd;
  Op<Result<int>> done;
  Timer deadline{
      [](void* self) {
        static_cast<Connecting*>(self)->settle(fail(Errc::timeout, Side::upstream, "connect timed out"));
      },
      this};

  void settle(Result<int> result) {
    if (done.filled() || settled) return;
    settled = true;
    uv_poll_stop(&poll);
    done.complete(std::move(result));
  }
  bool settled = false;
  Op<bool> handle_closed;
};

}  // namespace

Task<Result<std::unique_ptr<TcpStream>>> tcp_connect(SocketAddress to, milliseconds limit) {
  int fd = socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) co_return fail(error_from_uv(-errno, Side::upstream));
  if (connect(fd, to.sa(), to.size()) != 0) {
    // A Unix socket whose backlog is full answers EAGAIN; everything else but EINPROGRESS is final.
    if (errno != EINPROGRESS) {
      int error = errno;
      ::close(fd);
      co_return fail(error_from_uv(-error, Side::upstream));
    }
    Connecting c;
    c.fd = fd;
    uv_poll_init(Loop::current().uv(), &c.poll, fd);
    c.poll.data = &c;
    uv_poll_start(&c.poll, UV_WRITABLE, [](uv_poll_t* p, int, int) {
      auto& self = *static_cast<Connecting*>(p->data);
      int error = 0;
      socklen_t size = sizeof error;
      getsockopt(self.fd, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0)
        self.settle(fail(error_from_uv(-error, Side::upstream)));
      else
        self.settle(self.fd);
    });
    c.deadline.start(limit);
    Result<int> connected = co_await c.done;
    c.deadline.stop();
    uv_close(reinterpret_cast<uv_handle_t*>(&c.poll),
             [](uv_handle_t* h) { static_cast<Connecting*>(h->data)->handle_closed.complete(true); });
    co_await c.handle_closed;
    if (!connected) {
      ::close(fd);
      co_return fail(connected.error());
    }
  }
  co_return TcpStream::adopt(fd);
}

}  // namespace meshd
