// SPDX-License-Identifier: Apache-2.0
// admin_socket.h: the address of the local API's Unix socket, also where its path is longer than the kernel's 107 bytes.
#pragma once
#include <string>

#include "net/address.h"

namespace meshd {

// Valid as long as it lives: a long path is named through a descriptor of its directory.
class AdminSocket {
 public:
  // Errors: not_found, permission (the directory), invalid_argument.
  static Outcome<AdminSocket> at(const std::string& path);
  AdminSocket(AdminSocket&& o) noexcept;
  AdminSocket& operator=(AdminSocket&&) = delete;
  ~AdminSocket();
  const SocketAddress& address() const { return address_; }

 private:
  AdminSocket(SocketAddress address, int directory) : address_(address), directory_(directory) {}
  SocketAddress address_;
  int directory_;  // -1: not needed
};

}  // namespace meshd
