// SPDX-License-Identifier: Apache-2.0
// upstreams.h: how this loop reaches endpoints: a tunnel to another node, a joint in memory on this one, or TCP.
// Connections are pooled per (caller, endpoint).
#pragma once
#include <memory>
#include <unordered_map>

#include "http/client_pool.h"
#include "http/message.h"
#include "proxy/mesh_client.h"
#include "proxy/port_guard.h"
#include "snapshot/snapshot.h"

namespace meshd {

// Where workloads of this node are joined in memory: the inbound side, seen from the outbound one.
class LocalJoin {
 public:
  // A stream whose other end the inbound side serves, as if `from` had come over the network for `authority`.
  virtual std::unique_ptr<ByteStream> join(const Peer& from, const TunnelTarget& target) = 0;

 protected:
  ~LocalJoin() = default;
};

// Which HTTP the far program is spoken to with: HTTP/2 where the service says so or the request is gRPC; with
// `detect` what the caller speaks; else HTTP/1.1. Both nodes ask this, so the tunnel between them speaks the same.
HttpVersion upstream_version(const ServiceEntry& service, const RequestHead& head);

class Upstreams {
 public:
  // `node`: this node's name. Everything borrowed outlives this.
  Upstreams(std::string node, MeshClients& mesh, LocalJoin& local, PortGuard& guard)
      : node_(std::move(node)), mesh_(mesh), local_(local), guard_(guard) {}

  // What carries requests of `from` to `e`; valid until retire_all or retain.
  Service& pool(const Endpoint& e, const Peer& from, HttpVersion version, milliseconds connect_limit);
  // A fresh connection of its own, for opaque bytes.
  Task<Result<std::unique_ptr<ByteStream>>> connect(const Endpoint& e, const Peer& from,
                                                    milliseconds connect_limit);
  // What carries requests to a program of this node.
  Service& app_pool(const Endpoint& e, HttpVersion version, milliseconds connect_limit);

  // Connections made so far are not used for further requests.
  void retire_all() { pools_.clear(); }
  // The same for connections to programs of this node.
  void retire_apps() {
    std::erase_if(pools_, [](const auto& entry) { return entry.first.from == nullptr; });
  }
  // Forgets the pools of endpoints that are gone.
  void retain(const Snapshot& snapshot);

 private:
  std::unique_ptr<Connector> connector(const Endpoint& e, const Peer& from, Carries carries,
                                       milliseconds limit);

  struct Key {
    EndpointId endpoint;
    const Peer* from;  // null: the program itself, from the inbound side
    bool h2;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    size_t operator()(const Key& k) const noexcept {
      return k.endpoint.value ^ std::hash<const void*>()(k.from) ^ uint64_t { k.h2 };
    }
  };
  std::string node_;
  MeshClients& mesh_;
  LocalJoin& local_;
  PortGuard& guard_;
  std::unordered_map<Key, std::unique_ptr<Service>, KeyHash> pools_;
};

}  // namespace meshd
