// SPDX-License-Identifier: Apache-2.0
#include "net/socket_owner.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace meshd {
namespace {

struct DiagSocket {
  int fd = -1;
  uint32_t sequence = 0;
  // Again where there was no descriptor to be had at first.
  bool open() {
    if (fd >= 0) return true;
    fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    // The kernel answers an exact query within the sendto; a lost answer must not hold the loop.
    timeval limit{0, 2'000};
    if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd >= 0;
  }
  ~DiagSocket() {
    if (fd >= 0) close(fd);
  }
};

struct DiagQuery {
  nlmsghdr header;
  inet_diag_req_v2 request;
};

struct Answer {
  SocketOwner owner;
  uint8_t state = 0;
  uint32_t inode = 0;
  uint16_t port = 0;
};

void copy_address(const SocketAddress& a, __be32 out[4], __be16& port) {
  if (a.family() == AF_INET) {
    const auto& four = *reinterpret_cast<const sockaddr_in*>(a.sa());
    std::memcpy(out, &four.sin_addr, 4);
    port = four.sin_port;
  } else {
    const auto& six = *reinterpret_cast<const sockaddr_in6*>(a.sa());
    std::memcpy(out, &six.sin6_addr, 16);
    port = six.sin6_port;
  }
}

std::expected<Answer, NoOwner> parse_answer(char* bytes, size_t size) {
  auto left = static_cast<unsigned>(size);
  auto* h = reinterpret_cast<nlmsghdr*>(bytes);
  if (!NLMSG_OK(h, left)) return std::unexpected(NoOwner::unavailable);
  if (h->nlmsg_type == NLMSG_ERROR && h->nlmsg_len >= NLMSG_LENGTH(sizeof(nlmsgerr)))
    return std::unexpected(static_cast<nlmsgerr*>(NLMSG_DATA(h))->error == -ENOENT ? NoOwner::gone
                                                                                   : NoOwner::unavailable);
  if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY || h->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg)))
    return std::unexpected(NoOwner::unavailable);
  auto* message = static_cast<inet_diag_msg*>(NLMSG_DATA(h));
  Answer a;
  a.owner.uid = message->idiag_uid;
  a.owner.cookie = uint64_t{message->id.idiag_cookie[1]} << 32 | message->id.idiag_cookie[0];
  a.state = message->idiag_state;
  a.inode = message->idiag_inode;
  a.port = ntohs(message->id.idiag_sport);
  auto room = static_cast<int>(h->nlmsg_len - NLMSG_LENGTH(sizeof *message));
  for (auto* r = reinterpret_cast<rtattr*>(message + 1); RTA_OK(r, room); r = RTA_NEXT(r, room)) {
    // INET_DIAG_CGROUP_ID, kernel 5.8: 21 in linux/inet_diag.h.
    if (r->rta_type == INET_DIAG_CGROUP_ID && RTA_PAYLOAD(r) >= sizeof a.owner.cgroup)
      std::memcpy(&a.owner.cgroup, RTA_DATA(r), sizeof a.owner.cgroup);
  }
  return a;
}

// The socket that is bound to `here` and connected to `there`; where there is none the kernel names one that listens at
// `here`.
std::expected<Answer, NoOwner> ask(const SocketAddress& here, const SocketAddress& there) {
  thread_local DiagSocket diag;
  if (here.family() != there.family() || (here.family() != AF_INET && here.family() != AF_INET6) ||
      !diag.open())
    return std::unexpected(NoOwner::unavailable);
  DiagQuery query{};
  query.header.nlmsg_len = sizeof query;
  query.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  query.header.nlmsg_flags = NLM_F_REQUEST;
  query.header.nlmsg_seq = ++diag.sequence;
  query.request.sdiag_family = static_cast<uint8_t>(here.family());
  query.request.sdiag_protocol = IPPROTO_TCP;
  query.request.idiag_states = ~0u;
  query.request.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  query.request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  copy_address(here, query.request.id.idiag_src, query.request.id.idiag_sport);
  copy_address(there, query.request.id.idiag_dst, query.request.id.idiag_dport);
  if (send(diag.fd, &query, sizeof query, 0) != static_cast<ssize_t>(sizeof query))
    return std::unexpected(NoOwner::unavailable);
  alignas(nlmsghdr) char answer[4096];
  // An answer to an earlier query that came late is skipped by its sequence number.
  for (int i = 0; i < 4; ++i) {
    ssize_t n = recv(diag.fd, answer, sizeof answer, 0);
    if (n <= 0) break;
    auto* h = reinterpret_cast<nlmsghdr*>(answer);
    if (static_cast<size_t>(n) < sizeof *h || h->nlmsg_seq != diag.sequence) continue;
    return parse_answer(answer, static_cast<size_t>(n));
  }
  return std::unexpected(NoOwner::unavailable);
}

// Both ends have exchanged a handshake and neither has let go of the addresses.
bool connected(uint8_t state) {
  switch (state) {
    case TCP_ESTABLISHED:
    case TCP_FIN_WAIT1:
    case TCP_FIN_WAIT2:
    case TCP_CLOSE_WAIT:
    case TCP_LAST_ACK:
    case TCP_CLOSING: return true;
    default: return false;
  }
}

bool still_connected(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && connected(info.tcpi_state);
}

SocketAddress nowhere(int family) { return *SocketAddress::from_ip(family == AF_INET ? "0.0.0.0" : "::", 0); }

}  // namespace

OwnerAnswer find_caller(const SocketAddress& source, const SocketAddress& destination, int accepted) {
  auto a = ask(source, destination);
  if (!a) return std::unexpected(a.error());
  // Without an inode no program holds it any more. What listens at the client's port is somebody else.
  if (!connected(a->state) || a->inode == 0) return std::unexpected(NoOwner::gone);
  // The addresses of a connection that was reset may have been another's when we asked.
  if (!still_connected(accepted)) return std::unexpected(NoOwner::gone);
  return a->owner;
}

OwnerAnswer find_server(const SocketAddress& at, const SocketAddress& ours) {
  auto a = ask(at, ours);
  if (!a) return std::unexpected(a.error());
  if (a->state != TCP_SYN_RECV && !connected(a->state)) return std::unexpected(NoOwner::gone);
  return a->owner;
}

OwnerAnswer find_listener(const SocketAddress& at) {
  auto a = ask(at, nowhere(at.family()));
  if (!a) return std::unexpected(a.error());
  if (a->state != TCP_LISTEN || a->port != at.port()) return std::unexpected(NoOwner::gone);
  return a->owner;
}

OwnerSupport owner_support() {
  OwnerSupport s;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto at = SocketAddress::from_ip("127.0.0.1", 0);
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  // Where this cannot be tried the usual is taken for granted: then nothing is given that was not proven.
  if (fd >= 0 && bind(fd, at->sa(), at->size()) == 0 && listen(fd, 1) == 0 &&
      getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) == 0) {
    auto owner = find_listener(SocketAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&bound), size));
    s.queries = owner.has_value();
    s.cgroups = owner && owner->cgroup != 0;
  }
  if (fd >= 0) close(fd);
  return s;
}

}  // namespace meshd
