// SPDX-License-Identifier: Apache-2.0
#include "net/socket_owner.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

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

std::optional<SocketOwner> parse_answer(char* bytes, size_t size, uint32_t sequence) {
  auto left = static_cast<unsigned>(size);
  for (auto* h = reinterpret_cast<nlmsghdr*>(bytes); NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
    if (h->nlmsg_seq != sequence) continue;
    if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY || h->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg)))
      return std::nullopt;
    auto* message = static_cast<inet_diag_msg*>(NLMSG_DATA(h));
    SocketOwner owner;
    owner.uid = message->idiag_uid;
    auto room = static_cast<int>(h->nlmsg_len - NLMSG_LENGTH(sizeof *message));
    for (auto* a = reinterpret_cast<rtattr*>(message + 1); RTA_OK(a, room); a = RTA_NEXT(a, room)) {
      // INET_DIAG_CGROUP_ID, kernel 5.8: 21 in linux/inet_diag.h.
      if (a->rta_type == INET_DIAG_CGROUP_ID && RTA_PAYLOAD(a) >= sizeof owner.cgroup)
        std::memcpy(&owner.cgroup, RTA_DATA(a), sizeof owner.cgroup);
    }
    return owner;
  }
  return std::nullopt;
}

}  // namespace

std::optional<SocketOwner> find_socket_owner(const SocketAddress& source, const SocketAddress& destination) {
  thread_local DiagSocket diag;
  if (source.family() != destination.family() || source.family() == AF_UNIX || !diag.open())
    return std::nullopt;
  DiagQuery query{};
  query.header.nlmsg_len = sizeof query;
  query.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  query.header.nlmsg_flags = NLM_F_REQUEST;
  query.header.nlmsg_seq = ++diag.sequence;
  query.request.sdiag_family = static_cast<uint8_t>(source.family());
  query.request.sdiag_protocol = IPPROTO_TCP;
  query.request.idiag_states = ~0u;
  query.request.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  query.request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  copy_address(source, query.request.id.idiag_src, query.request.id.idiag_sport);
  copy_address(destination, query.request.id.idiag_dst, query.request.id.idiag_dport);
  if (send(diag.fd, &query, sizeof query, 0) != static_cast<ssize_t>(sizeof query)) return std::nullopt;
  alignas(nlmsghdr) char answer[4096];
  // An answer to an earlier query that came late is skipped by its sequence number.
  for (int i = 0; i < 4; ++i) {
    ssize_t n = recv(diag.fd, answer, sizeof answer, 0);
    if (n <= 0) return std::nullopt;
    auto* h = reinterpret_cast<nlmsghdr*>(answer);
    if (static_cast<size_t>(n) >= sizeof *h && h->nlmsg_seq != diag.sequence) continue;
    return parse_answer(answer, static_cast<size_t>(n), diag.sequence);
  }
  return std::nullopt;
}

}  // namespace meshd
