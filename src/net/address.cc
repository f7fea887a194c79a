// SPDX-License-Identifier: Apache-2.0
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <charconv>
#include <cstddef>
#include <cstring>

namespace meshd {
namespace {

const auto& v4(const sockaddr_storage& s) { return reinterpret_cast<const sockaddr_in&>(s); }
const auto& v6(const sockaddr_storage& s) { return reinterpret_cast<const sockaddr_in6&>(s); }

}  // namespace

Result<SocketAddress> SocketAddress::from_ip(std::string_view ip, uint16_t port) {
  SocketAddress a;
  std::string text(ip);
  // It would end the text for inet_pton only.
  if (ip.find('\0') != std::string_view::npos)
    return fail(Errc::invalid_argument, Side::self, "not an IP address");
  auto& four = reinterpret_cast<sockaddr_in&>(a.storage_);
  auto& six = reinterpret_cast<sockaddr_in6&>(a.storage_);
  if (inet_pton(AF_INET, text.c_str(), &four.sin_addr) == 1) {
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    a.size_ = sizeof four;
  } else if (inet_pton(AF_INET6, text.c_str(), &six.sin6_addr) == 1) {
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(port);
    a.size_ = sizeof six;
  } else {
    return fail(Errc::invalid_argument, Side::self, "not an IP address");
  }
  return a;
}

Result<SocketAddress> SocketAddress::parse(std::string_view text) {
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return fail(Errc::invalid_argument, Side::self, "address without a port");
  std::string_view host = text.substr(0, colon);
  std::string_view digits = text.substr(colon + 1);
  uint16_t port = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty())
    return fail(Errc::invalid_argument, Side::self, "port is not a number from 0 to 65535");
  bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (bracketed != (host.find(':') != std::string_view::npos))
    return fail(Errc::invalid_argument, Side::self, "an IPv6 address is written in brackets");
  return from_ip(host, port);
}

Result<SocketAddress> SocketAddress::unix_path(std::string_view path) {
  SocketAddress a;
  auto& un = reinterpret_cast<sockaddr_un&>(a.storage_);
  if (path.empty() || path.size() >= sizeof un.sun_path)
    return fail(Errc::invalid_argument, Side::self, "a Unix socket's path has 1 to 107 bytes");
  un.sun_family = AF_UNIX;
  std::memcpy(un.sun_path, path.data(), path.size());
  a.size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return a;
}

SocketAddress SocketAddress::from_sockaddr(const sockaddr* sa, socklen_t size) {
  SocketAddress a;
  a.size_ = size <= sizeof a.storage_ ? size : sizeof a.storage_;
  std::memcpy(&a.storage_, sa, a.size_);
  return a;
}

uint16_t SocketAddress::port() const {
  if (family() == AF_INET) return ntohs(v4(storage_).sin_port);
  return family() == AF_INET6 ? ntohs(v6(storage_).sin6_port) : 0;
}

std::string SocketAddress::ip() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) inet_ntop(AF_INET, &v4(storage_).sin_addr, text, sizeof text);
  if (family() == AF_INET6) inet_ntop(AF_INET6, &v6(storage_).sin6_addr, text, sizeof text);
  if (family() == AF_UNIX) return reinterpret_cast<const sockaddr_un&>(storage_).sun_path;
  return text;
}

std::string SocketAddress::text() const {
  if (family() == AF_UNIX) return "unix:" + ip();
  std::string host = family() == AF_INET6 ? "[" + ip() + "]" : ip();
  return host + ":" + std::to_string(port());
}

bool SocketAddress::is_loopback() const {
  if (family() == AF_INET) return (ntohl(v4(storage_).sin_addr.s_addr) >> 24) == 127;
  if (family() == AF_INET6) return IN6_IS_ADDR_LOOPBACK(&v6(storage_).sin6_addr);
  return family() == AF_UNIX;
}

bool operator==(const SocketAddress& a, const SocketAddress& b) {
  return a.size_ == b.size_ && std::memcmp(&a.storage_, &b.storage_, a.size_) == 0;
}

}  // namespace meshd
