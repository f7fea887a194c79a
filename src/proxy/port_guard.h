// SPDX-License-Identifier: Apache-2.0
// port_guard.h: nothing goes to a program that has bound another workload's port.
//
// Where the file says who an instance is (unit, cgroup, user), the socket that listens on its port must be theirs. It is
// asked before we connect, and again of the connection that came of it, before a byte is sent: between the two
// the port may have changed hands. Connections that are kept are to the program that was judged.
#pragma once
#include <functional>
#include <string>
#include <unordered_map>

#include "net/tcp_stream.h"
#include "proxy/identify.h"
#include "proxy/owner_table.h"

namespace meshd {

class PortGuard {
 public:
  // `owners` gives the table of the moment. `refused` runs for each connection that was not made.
  PortGuard(CgroupNames& cgroups, std::function<const OwnerTable*()> owners,
            std::function<void(std::string_view service)> refused)
      : cgroups_(cgroups), owners_(std::move(owners)), refused_(std::move(refused)) {}

  // A connection to the program of `endpoint`. Errors: identity (side self) where the port is somebody else's, else as
  // tcp_connect.
  Task<Result<std::unique_ptr<TcpStream>>> connect(EndpointId endpoint, SocketAddress at, milliseconds limit);

  // Whose the port is, where that is not who the file says: "uid 33 in /system.slice/evil.service". Empty: it is theirs,
  // nobody listens, or nothing is declared.
  std::string stranger_on(EndpointId endpoint, const SocketAddress& at);

 private:
  enum class Verdict : uint8_t { theirs, nobody, stranger };
  Verdict listener(const OwnerClaim& claim, const SocketAddress& at, SocketOwner& seen);
  Verdict server(const OwnerClaim& claim, const TcpStream& connection, SocketOwner& seen);
  std::unexpected<Error> refuse(const OwnerClaim& claim);
  bool fits(const OwnerClaim& claim, const SocketOwner& owner, bool with_user);
  std::string text_of(const SocketOwner& owner);

  CgroupNames& cgroups_;
  std::function<const OwnerTable*()> owners_;
  std::function<void(std::string_view)> refused_;
  std::unordered_map<EndpointId, uint64_t> told_;  // cookie of the stranger that the log knows of
  OwnerSupport support_ = owner_support();
};

}  // namespace meshd
