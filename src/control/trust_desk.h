// SPDX-License-Identifier: Apache-2.0
// trust_desk.h: whom the mesh trusts and whom not any more, on the server: what was revoked is on disk, and the signed
// document that says so to nodes (trust_doc.h) is made anew with each change.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ca/authority.h"
#include "control/trust_doc.h"
#include "store/store.h"

namespace meshd {

// A node that is away for longer joins again (recover.h); so long what was revoked is remembered after its end.
inline constexpr UnixSeconds kRecoverWindow = 30LL * 86400;

class TrustDesk {
 public:
  struct Parts {
    store::Store& store;
    const Authority& authority;
    const Clock& clock;
    SpiffeId server;  // it cannot be denied
    std::string own_node;
  };
  // Errors: those of the store; io where a row of it was changed.
  static Outcome<std::unique_ptr<TrustDesk>> load(Parts parts);

  // Signs what is now true with `server`; nothing happens where that was said already by this process under this root.
  // Calls on_change. Errors: those of the store; what was said before stays.
  Outcome<> publish(const Identity& server);

  // ---- what is revoked. On disk when these return without error; publish() makes it known.
  // Errors: invalid_argument (kind, value), not_found (no such serial was signed here), conflict (the server itself),
  // limit, those of the store.
  Outcome<> deny(store::DeniedRecord record);
  // Errors: not_found.
  Outcome<> lift(const std::string& kind, const std::string& value, const std::string& who);
  // Within a transaction of the caller: a node that goes, with every certificate it has; one that comes back.
  Outcome<> deny_node(const std::string& node, const std::string& who);
  Outcome<> welcome_node(const std::string& node);
  // After that transaction: reads what is on disk.
  Outcome<> reload();

  const std::shared_ptr<const DenyList>& denied() const { return denied_; }
  Outcome<std::vector<store::DeniedRecord>> list() { return parts_.store.denied().list(); }
  // What nodes should have; 0 before the first publish().
  uint64_t number() const { return sealed_.number; }
  const SealedTrust& sealed() const { return sealed_; }

  // A new document is to be sent; the deny list may be another.
  std::function<void()> on_change;

 private:
  explicit TrustDesk(Parts parts) : parts_(std::move(parts)) {}
  Outcome<uint64_t> number_for(const std::string& content);
  Outcome<> check(store::DeniedRecord& record);

  Parts parts_;
  std::shared_ptr<const DenyList> denied_ = std::make_shared<const DenyList>();
  SealedTrust sealed_;
  std::string said_;  // content and signer's root of sealed_
};

}  // namespace meshd
