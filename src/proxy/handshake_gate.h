// SPDX-License-Identifier: Apache-2.0
// handshake_gate.h: how many TLS handshakes may be under way at once, before anybody has shown who he is.
#pragma once
#include <cstddef>
#include <map>
#include <string>

namespace meshd {

// Per loop. A handshake costs about a millisecond of one core and ends after kHandshakeTimeout at the latest: more than
// these at once could not be served in that time, and each holds some 50 KiB.
inline constexpr size_t kHandshakesMax = 1'024;
// From one address. A node that comes back after a break opens one for each pair of services, nodes behind one
// translated address at once; one stranger leaves three quarters to others.
inline constexpr size_t kHandshakesPerAddressMax = 256;

class HandshakeGate {
 public:
  explicit HandshakeGate(size_t most = kHandshakesMax, size_t per_address = kHandshakesPerAddressMax)
      : most_(most), per_address_(per_address) {}

  // A place for as long as the pass lives; none: refuse the connection. The gate outlives its passes.
  class Pass {
   public:
    Pass() = default;
    Pass(Pass&& o) noexcept : gate_(o.gate_), at_(o.at_) { o.gate_ = nullptr; }
    Pass& operator=(Pass&&) = delete;
    ~Pass() { leave(); }
    explicit operator bool() const { return gate_ != nullptr; }
    void leave() {
      if (gate_ == nullptr) return;
      --gate_->inside_;
      if (--at_->second == 0) gate_->by_address_.erase(at_);
      gate_ = nullptr;
    }

   private:
    friend class HandshakeGate;
    HandshakeGate* gate_ = nullptr;
    std::map<std::string, size_t>::iterator at_;
  };
  Pass enter(const std::string& address) {
    Pass pass;
    if (inside_ >= most_) return pass;
    auto at = by_address_.try_emplace(address).first;
    if (at->second >= per_address_) return pass;
    ++at->second;
    ++inside_;
    pass.gate_ = this;
    pass.at_ = at;
    return pass;
  }
  size_t inside() const { return inside_; }

 private:
  size_t most_, per_address_;
  size_t inside_ = 0;
  std::map<std::string, size_t> by_address_;
};

}  // namespace meshd
