// SPDX-License-Identifier: Apache-2.0
// bulkhead.h: what all loops of a node together give an endpoint at most, and who waits for room.
//
// The counts are the node's, exact, in atomics that only services with limits ever touch. Who waits does so in a queue of
// its loop; room that becomes free is told to every loop in which somebody waits.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "model/resilience.h"

namespace meshd {

// Under way at one endpoint, from this node.
struct NodeLoad {
  std::atomic<uint32_t> requests{0};
  std::atomic<uint32_t> connections{0};  // those of `requests` that have a connection of their own

  bool full(const model::EndpointLimits& limits, bool own_connection) const {
    return (limits.requests != 0 && requests.load() >= limits.requests) ||
           (own_connection && limits.connections != 0 && connections.load() >= limits.connections);
  }
  // False: another loop was faster.
  bool take(const model::EndpointLimits& limits, bool own_connection) {
    if (requests.fetch_add(1) >= limits.requests && limits.requests != 0) return --requests, false;
    if (!own_connection) return true;
    if (connections.fetch_add(1) < limits.connections || limits.connections == 0) return true;
    --connections;
    --requests;
    return false;
  }
  void leave(bool own_connection) {
    if (own_connection) --connections;
    --requests;
  }
};

// Who waits for room at a service's endpoints.
struct WaitRoom {
  std::atomic<uint32_t> waiting{0};
  std::atomic<uint64_t> loops{0};  // a bit for each in which somebody does
};

// Shared by the loops of a node.
class Bulkheads {
 public:
  std::shared_ptr<NodeLoad> load(EndpointId id) { return shared(loads_, id); }
  std::shared_ptr<WaitRoom> room(const std::string& service) { return shared(rooms_, service); }

  // `wake` may be called on any thread: somebody may have room at the endpoints of `service`. Gives the loop's bit.
  uint64_t join(std::function<void(std::string service)> wake) {
    std::lock_guard lock(mutex_);
    wakers_.push_back(std::move(wake));
    return uint64_t{1} << (wakers_.size() - 1);
  }
  // The loop of `bit` is told nothing any more.
  void leave(uint64_t bit) {
    std::lock_guard lock(mutex_);
    for (size_t i = 0; i < wakers_.size(); ++i)
      if ((bit >> i & 1) != 0) wakers_[i] = nullptr;
  }
  // Tells the loops of `bits`. Holds the lock for one message each; only called where somebody waits.
  void wake(uint64_t bits, const std::string& service) {
    std::lock_guard lock(mutex_);
    for (size_t i = 0; i < wakers_.size(); ++i)
      if ((bits >> i & 1) != 0 && wakers_[i]) wakers_[i](service);
  }

 private:
  template <class Map, class Key>
  auto shared(Map& map, const Key& key) -> std::shared_ptr<typename Map::mapped_type::element_type> {
    std::lock_guard lock(mutex_);
    auto& weak = map[key];
    auto held = weak.lock();
    if (!held) weak = held = std::make_shared<typename Map::mapped_type::element_type>();
    return held;
  }

  std::mutex mutex_;
  std::unordered_map<EndpointId, std::weak_ptr<NodeLoad>> loads_;
  std::unordered_map<std::string, std::weak_ptr<WaitRoom>> rooms_;
  std::vector<std::function<void(std::string)>> wakers_;
};

}  // namespace meshd
