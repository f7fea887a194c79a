// SPDX-License-Identifier: Apache-2.0
#include "net/resolver.h"

#include <ares.h>
#include <netdb.h>
#include <uv.h>

#include <charconv>
#include <unordered_map>

#include "base/log.h"
#include "loop/loop.h"

namespace meshd {

// c-ares tells which sockets to watch; libuv watches them; a timer lets c-ares see its own deadlines.
struct Resolver::Impl {
  ares_channel channel = nullptr;
  bool usable = false;
  size_t pending = 0;

  struct Watch {
    uv_poll_t poll;
    Impl* owner;
    ares_socket_t fd;
  };
  std::unordered_map<ares_socket_t, Watch*> watches;
  // c-ares waits seconds for an answer: looking five times a second is often enough.
  static constexpr milliseconds kLookEvery{200};
  Timer look{[](void* self) { static_cast<Impl*>(self)->look_again(); }, this};

  void look_again() {
    ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    if (pending > 0) look.start(kLookEvery);
  }
  void socket_state(ares_socket_t fd, bool readable, bool writable);
};

void Resolver::Impl::socket_state(ares_socket_t fd, bool readable, bool writable) {
  Watch*& watch = watches[fd];
  if (!readable && !writable) {
    if (watch != nullptr)
      uv_close(reinterpret_cast<uv_handle_t*>(&watch->poll),
               [](uv_handle_t* h) { delete static_cast<Watch*>(h->data); });
    watches.erase(fd);
    return;
  }
  if (watch == nullptr) {
    watch = new Watch{{}, this, fd};
    uv_poll_init(Loop::current().uv(), &watch->poll, fd);
    watch->poll.data = watch;
  }
  int events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
  uv_poll_start(&watch->poll, events, [](uv_poll_t* p, int, int happened) {
    auto* w = static_cast<Watch*>(p->data);
    ares_process_fd(w->owner->channel, happened & UV_READABLE ? w->fd : ARES_SOCKET_BAD,
                    happened & UV_WRITABLE ? w->fd : ARES_SOCKET_BAD);
  });
}

Resolver::Resolver(Options options) : impl_(std::make_unique<Impl>()) {
  ares_library_init(ARES_LIB_INIT_ALL);
  ares_options o{};
  o.timeout = static_cast<int>(options.timeout.count());
  o.tries = options.tries;
  o.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
    static_cast<Impl*>(self)->socket_state(fd, readable != 0, writable != 0);
  };
  o.sock_state_cb_data = impl_.get();
  int status =
      ares_init_options(&impl_->channel, &o, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
  impl_->usable = status == ARES_SUCCESS;
  if (impl_->usable && !options.servers.empty())
    impl_->usable = ares_set_servers_ports_csv(impl_->channel, options.servers.c_str()) == ARES_SUCCESS;
  if (!impl_->usable) log::warn("names cannot be resolved", {{"error", ares_strerror(status)}});
}

Resolver::~Resolver() {
  if (impl_->channel != nullptr) ares_destroy(impl_->channel);
  ares_library_cleanup();
}

namespace {

struct Query {
  Op<Result<std::vector<SocketAddress>>> done;
  uint16_t port;
};

void answered(void* context, int status, int, ares_addrinfo* found) {
  auto& query = *static_cast<Query*>(context);
  if (status == ARES_EDESTRUCTION || status == ARES_ECANCELLED) {
    query.done.complete(fail(Errc::cancelled, Side::self, "look-up given up"));
    return;
  }
  std::vector<SocketAddress> addresses;
  for (auto* node = found ? found->nodes : nullptr; node != nullptr; node = node->ai_next) {
    SocketAddress a = SocketAddress::from_sockaddr(node->ai_addr, node->ai_addrlen);
    if (auto with_port = SocketAddress::from_ip(a.ip(), query.port)) addresses.push_back(*with_port);
  }
  if (found != nullptr) ares_freeaddrinfo(found);
  if (!addresses.empty())
    query.done.complete(std::move(addresses));
  else if (status == ARES_ETIMEOUT || status == ARES_ECONNREFUSED)
    query.done.complete(fail(Errc::resolve, Side::upstream, "no DNS server answers"));
  else
    query.done.complete(fail(Errc::resolve, Side::upstream, "no address for that name"));
}

}  // namespace

Task<Result<std::vector<SocketAddress>>> Resolver::resolve(std::string host, uint16_t port) {
  if (auto address = SocketAddress::from_ip(host, port)) co_return std::vector{*address};
  if (!impl_->usable) co_return fail(Errc::resolve, Side::self, "no resolver");
  Query query;
  query.port = port;
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  Impl& impl = *impl_;
  ++impl.pending;
  if (!impl.look.armed()) impl.look.start(Impl::kLookEvery);
  ares_getaddrinfo(impl.channel, host.c_str(), nullptr, &hints, answered, &query);
  Result<std::vector<SocketAddress>> result = co_await query.done;
  // A cancelled query's resolver is gone.
  if (result || result.error().code != Errc::cancelled) --impl.pending;
  co_return result;
}

Result<NameAndPort> parse_host_port(std::string_view text) {
  if (auto address = SocketAddress::parse(text)) return NameAndPort{address->ip(), address->port()};
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || text.find(':') != colon)
    return fail(Errc::invalid_argument, Side::self, "not host:port");
  NameAndPort out{std::string(text.substr(0, colon)), 0};
  std::string_view digits = text.substr(colon + 1);
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty() || out.port == 0)
    return fail(Errc::invalid_argument, Side::self, "the port is not a number from 1 to 65535");
  for (char c : out.host) {
    bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                   c == '.' || c == '_';
    if (!allowed) return fail(Errc::invalid_argument, Side::self, "not a host name");
  }
  return out;
}

}  // namespace meshd
