// SPDX-License-Identifier: Apache-2.0
// upstreams.cc: stage 6 of 8, send: three kinds of connector behind one pool.
#include "proxy/upstreams.h"

#include "net/tcp_stream.h"

namespace meshd {
namespace {

Task<Result<std::unique_ptr<ByteStream>>> dial(std::string ip, uint16_t port, milliseconds limit) {
  auto address = SocketAddress::from_ip(ip, port);
  if (!address) co_return fail(Errc::unreachable, Side::upstream, "the endpoint's address is no IP address");
  auto stream = co_await tcp_connect(*address, limit);
  if (!stream) co_return fail(stream.error());
  co_return std::unique_ptr<ByteStream>(std::move(*stream));
}

// A program that listens on an address this node can dial itself.
class DirectConnector final : public Connector {
 public:
  DirectConnector(std::string ip, uint16_t port, milliseconds limit)
      : ip_(std::move(ip)), port_(port), limit_(limit) {}
  Task<Result<std::unique_ptr<ByteStream>>> connect() override { return dial(ip_, port_, limit_); }

 private:
  std::string ip_;
  uint16_t port_;
  milliseconds limit_;
};

// A workload on another node.
class TunnelConnector final : public Connector {
 public:
  TunnelConnector(MeshClients& mesh, TunnelTarget target, const Peer& from, milliseconds limit)
      : mesh_(mesh), target_(std::move(target)), from_(from), limit_(limit) {}
  Task<Result<std::unique_ptr<ByteStream>>> connect() override { return mesh_.open(target_, from_, limit_); }

 private:
  MeshClients& mesh_;
  TunnelTarget target_;
  const Peer& from_;
  milliseconds limit_;
};

Task<Result<std::unique_ptr<ByteStream>>> join_now(LocalJoin& local, const Peer& from,
                                                   const TunnelTarget& target) {
  co_return local.join(from, target);
}

// A workload on this node.
class LocalConnector final : public Connector {
 public:
  LocalConnector(LocalJoin& local, TunnelTarget target, const Peer& from)
      : local_(local), target_(std::move(target)), from_(from) {}
  Task<Result<std::unique_ptr<ByteStream>>> connect() override { return join_now(local_, from_, target_); }

 private:
  LocalJoin& local_;
  TunnelTarget target_;
  const Peer& from_;
};

TunnelTarget target_of(const Endpoint& e) {
  TunnelTarget t;
  if (auto id = SpiffeId::parse(e.service->spiffe_id)) t.workload = *id;
  if (auto node = SocketAddress::from_ip(e.address, e.mesh_port)) t.node = *node;
  t.authority = e.service->name + ":" + std::to_string(e.port);
  return t;
}

}  // namespace

std::unique_ptr<Connector> Upstreams::connector(const Endpoint& e, const Peer& from, milliseconds limit) {
  if (e.outside()) return std::make_unique<DirectConnector>(e.address, e.port, limit);
  if (e.node == node_) return std::make_unique<LocalConnector>(local_, target_of(e), from);
  return std::make_unique<TunnelConnector>(mesh_, target_of(e), from, limit);
}

ClientPool& Upstreams::pool(const Endpoint& e, const Peer& from, milliseconds connect_limit) {
  std::unique_ptr<ClientPool>& slot = pools_[{e.id, &from}];
  if (!slot) {
    ClientPool::Options options;
    if (!e.outside()) options.limits = HeadLimits::mesh();
    slot = std::make_unique<ClientPool>(connector(e, from, connect_limit), options);
  }
  return *slot;
}

ClientPool& Upstreams::app_pool(const Endpoint& e, milliseconds connect_limit) {
  std::unique_ptr<ClientPool>& slot = pools_[{e.id, nullptr}];
  if (!slot)
    slot =
        std::make_unique<ClientPool>(std::make_unique<DirectConnector>(e.app_address, e.port, connect_limit));
  return *slot;
}

Task<Result<std::unique_ptr<ByteStream>>> Upstreams::connect(const Endpoint& e, const Peer& from,
                                                             milliseconds connect_limit) {
  std::unique_ptr<Connector> c = connector(e, from, connect_limit);
  co_return co_await c->connect();
}

void Upstreams::retain(const Snapshot& snapshot) {
  std::erase_if(pools_,
                [&](const auto& entry) { return snapshot.endpoint(entry.first.endpoint) == nullptr; });
}

size_t Upstreams::idle() const {
  size_t n = 0;
  for (const auto& [key, pool] : pools_) n += pool->idle();
  return n;
}

}  // namespace meshd
