// SPDX-License-Identifier: Apache-2.0
#include "proxy/port_guard.h"

#include <utility>

#include "base/log.h"

namespace meshd {
namespace {

// Strangers that the log knows of; beyond them it says so again.
constexpr size_t kToldMax = 1'024;

}  // namespace

// Where the kernel does not tell, the declared port alone decides, and `meshd check` says so.
bool PortGuard::fits(const OwnerClaim& claim, const SocketOwner& owner, bool with_user) {
  OwnerClaim asked = claim;
  if (!with_user) asked.user.clear();
  if (!support_.cgroups) {
    asked.unit.clear();
    asked.cgroup.clear();
  }
  if (!asked.by_cgroup() && asked.user.empty()) return true;
  const std::string* path = asked.by_cgroup() ? cgroups_.path_of(owner.cgroup) : nullptr;
  return asked.fits(owner.uid, path) > 0;
}

PortGuard::Verdict PortGuard::listener(const OwnerClaim& claim, const SocketAddress& at, SocketOwner& seen) {
  if (!support_.queries) return Verdict::theirs;
  OwnerAnswer owner = find_listener(at);
  if (!owner) return owner.error() == NoOwner::gone ? Verdict::nobody : Verdict::stranger;
  seen = *owner;
  return fits(claim, *owner, true) ? Verdict::theirs : Verdict::stranger;
}

PortGuard::Verdict PortGuard::server(const OwnerClaim& claim, const TcpStream& connection,
                                     SocketOwner& seen) {
  if (!support_.queries) return Verdict::theirs;
  const SocketAddress& at = connection.peer();
  SocketOwner before = seen;
  bool by_listener = !claim.user.empty();
  if (claim.by_cgroup() && support_.cgroups) {
    OwnerAnswer owner = find_server(at, connection.local());
    if (!owner) return owner.error() == NoOwner::gone ? Verdict::nobody : Verdict::stranger;
    // A program that takes connections with their first bytes (TCP_DEFER_ACCEPT) has no socket of its own yet.
    if (owner->cgroup == 0) by_listener = true;
    if (owner->cgroup != 0 && !fits(claim, *owner, false)) {
      seen = *owner;
      return Verdict::stranger;
    }
  }
  if (!by_listener) return Verdict::theirs;
  // The same socket listens as before: it did all the while, and what connected came to it.
  Verdict again = listener(claim, at, seen);
  if (again != Verdict::theirs) return again;
  return seen.cookie == before.cookie ? Verdict::theirs : Verdict::stranger;
}

std::string PortGuard::text_of(const SocketOwner& owner) {
  const std::string* path = cgroups_.path_of(owner.cgroup);
  return "uid " + std::to_string(owner.uid) + " in " + (path != nullptr ? *path : "an unknown cgroup");
}

std::unexpected<Error> PortGuard::refuse(const OwnerClaim& claim) {
  refused_(claim.service);
  return fail(Errc::identity, Side::self, "the program on the declared port is not the declared one");
}

Task<Result<std::unique_ptr<TcpStream>>> PortGuard::connect(EndpointId endpoint, SocketAddress at,
                                                            milliseconds limit) {
  const OwnerTable* owners = owners_();
  const OwnerClaim* declared = owners != nullptr ? owners->claim_on(endpoint) : nullptr;
  if (declared == nullptr) co_return co_await tcp_connect(at, limit);
  OwnerClaim claim = *declared;  // the table may go while we wait
  SocketOwner seen;
  Verdict verdict = listener(claim, at, seen);
  if (verdict == Verdict::stranger) {
    if (told_.size() >= kToldMax) told_.clear();
    uint64_t& told = told_[endpoint];
    if (std::exchange(told, seen.cookie) != seen.cookie)
      log::warn("another program has a workload's port, nothing is sent to it", {{"service", claim.service},
                                                                                 {"address", at.text()},
                                                                                 {"declared", claim.text()},
                                                                                 {"is", text_of(seen)}});
    co_return refuse(claim);
  }
  auto stream = co_await tcp_connect(at, limit);
  if (!stream) co_return std::move(stream);
  if (verdict == Verdict::theirs) verdict = server(claim, **stream, seen);
  if (verdict == Verdict::theirs) co_return std::move(stream);
  (*stream)->close({Errc::cancelled, Side::self, "not the declared program"});
  if (verdict == Verdict::nobody)
    co_return fail(Errc::refused, Side::upstream,
                   "the program began to listen, or closed, while it was asked about");
  co_return refuse(claim);
}

std::string PortGuard::stranger_on(EndpointId endpoint, const SocketAddress& at) {
  const OwnerTable* owners = owners_();
  const OwnerClaim* claim = owners != nullptr ? owners->claim_on(endpoint) : nullptr;
  SocketOwner seen;
  if (claim == nullptr || listener(*claim, at, seen) != Verdict::stranger) return {};
  return text_of(seen);
}

}  // namespace meshd
