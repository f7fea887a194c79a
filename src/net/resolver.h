// SPDX-License-Identifier: Apache-2.0
// resolver.h: names to addresses by DNS and /etc/hosts (c-ares), without blocking and without the C library's
// own look-up, which loads modules that a static program cannot have.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "loop/task.h"
#include "net/address.h"

namespace meshd {

class Resolver {
 public:
  struct Options {
    std::string servers;          // "127.0.0.1:5353,…"; empty: what /etc/resolv.conf says
    milliseconds timeout{2'000};  // of one try
    int tries = 2;
  };
  Resolver() : Resolver(Options()) {}
  explicit Resolver(Options options);
  // Queries under way fail with `cancelled`.
  ~Resolver();

  // Addresses of `host`, IPv4 and IPv6, in the order of RFC 6724; an IP address is its own answer.
  // Errors: resolve (no such name, no answer), cancelled.
  Task<Result<std::vector<SocketAddress>>> resolve(std::string host, uint16_t port);

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

// "host:port" apart; the host may be a name, an IPv4 address or a bracketed IPv6 address.
struct NameAndPort {
  std::string host;
  uint16_t port = 0;
};
Result<NameAndPort> parse_host_port(std::string_view text);

}  // namespace meshd
