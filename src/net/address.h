// SPDX-License-Identifier: Apache-2.0
// address.h: an IP address and port, or the path of a Unix socket, as text and as the kernel wants it.
#pragma once
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace meshd {

class SocketAddress {
 public:
  SocketAddress() = default;

  // "10.0.0.1:80" or "[fd00::1]:80"; never a name. Errors: invalid_argument.
  static Result<SocketAddress> parse(std::string_view text);
  // "10.0.0.1" or "fd00::1".
  static Result<SocketAddress> from_ip(std::string_view ip, uint16_t port);
  // Path of at most 107 bytes. Errors: invalid_argument.
  static Result<SocketAddress> unix_path(std::string_view path);
  static SocketAddress from_sockaddr(const sockaddr* sa, socklen_t size);

  int family() const { return storage_.ss_family; }
  uint16_t port() const;
  std::string ip() const;    // without port; the path of a Unix socket
  std::string text() const;  // "10.0.0.1:80", "[fd00::1]:80", "unix:/run/x.sock"
  bool is_loopback() const;

  const sockaddr* sa() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }
  friend bool operator==(const SocketAddress& a, const SocketAddress& b);

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

}  // namespace meshd
