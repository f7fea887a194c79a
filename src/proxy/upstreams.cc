// SPDX-License-Identifier: Apache-2.0
// upstreams.cc: stage 6 of 8, send: three kinds of connector behind one pool.
#include "proxy/upstreams.h"

#include "http/grpc.h"
#include "http/h2_pool.h"
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

// A program of this node.
class AppConnector final : public Connector {
 public:
  AppConnector(PortGuard& guard, const Endpoint& e, milliseconds limit)
      : guard_(guard), id_(e.id), ip_(e.app_address), port_(e.port), limit_(limit) {}
  Task<Result<std::unique_ptr<ByteStream>>> connect() override {
    return dial(guard_, id_, ip_, port_, limit_);
  }

 private:
  static Task<Result<std::unique_ptr<ByteStream>>> dial(PortGuard& guard, EndpointId id, std::string ip,
                                                        uint16_t port, milliseconds limit) {
    auto address = SocketAddress::from_ip(ip, port);
    if (!address)
      co_return fail(Errc::unreachable, Side::upstream, "the endpoint's address is no IP address");
    auto stream = co_await guard.connect(id, *address, limit);
    if (!stream) co_return fail(stream.error());
    co_return std::unique_ptr<ByteStream>(std::move(*stream));
  }

  PortGuard& guard_;
  EndpointId id_;
  std::string ip_;
  uint16_t port_;
  milliseconds limit_;
};

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

TunnelTarget target_of(const Endpoint& e, Carries carries) {
  TunnelTarget t;
  t.carries = carries;
  if (auto id = SpiffeId::parse(e.service->spiffe_id)) t.workload = *id;
  if (auto node = SocketAddress::from_ip(e.address, e.mesh_port)) t.node = *node;
  t.authority = e.service->name + ":" + std::to_string(e.port);
  return t;
}

// `heads`: of answers, in HTTP/1; `idle`: connections kept.
std::unique_ptr<Service> make_pool(std::unique_ptr<Connector> connector, HttpVersion version,
                                   HeadLimits heads, size_t idle) {
  if (version == HttpVersion::http2)
    return std::make_unique<H2Pool>(std::move(connector), H2Options::upstream());
  ClientPool::Options options;
  options.limits = heads;
  options.idle_max = idle;
  return std::make_unique<ClientPool>(std::move(connector), options);
}

}  // namespace

HttpVersion upstream_version(const ServiceEntry& service, const RequestHead& head) {
  switch (service.protocol) {
    case model::Protocol::http2:
    case model::Protocol::grpc: return HttpVersion::http2;
    case model::Protocol::detect:
      return head.version == HttpVersion::http2 ? HttpVersion::http2 : HttpVersion::http11;
    default: return is_grpc(head) ? HttpVersion::http2 : HttpVersion::http11;
  }
}

std::unique_ptr<Connector> Upstreams::connector(const Endpoint& e, const Peer& from, Carries carries,
                                                milliseconds limit) {
  if (e.outside()) return std::make_unique<DirectConnector>(e.address, e.port, limit);
  TunnelTarget target = target_of(e, carries);
  if (e.node == node_) return std::make_unique<LocalConnector>(local_, std::move(target), from);
  return std::make_unique<TunnelConnector>(mesh_, std::move(target), from, limit);
}

Service& Upstreams::pool(const Endpoint& e, const Peer& from, HttpVersion version,
                         milliseconds connect_limit) {
  std::unique_ptr<Service>& slot = pools_[{e.id, &from, version == HttpVersion::http2}];
  HeadLimits heads = e.outside() ? HeadLimits() : HeadLimits::mesh();
  if (!slot)
    slot = make_pool(connector(e, from, Carries::http, connect_limit), version, heads,
                     e.outside() ? kIdlePerPool : kIdleTunnels);
  return *slot;
}

Service& Upstreams::app_pool(const Endpoint& e, HttpVersion version, milliseconds connect_limit) {
  std::unique_ptr<Service>& slot = pools_[{e.id, nullptr, version == HttpVersion::http2}];
  if (!slot)
    slot = make_pool(std::make_unique<AppConnector>(guard_, e, connect_limit), version, HeadLimits(),
                     kIdlePerPool);
  return *slot;
}

Task<Result<std::unique_ptr<ByteStream>>> Upstreams::connect(const Endpoint& e, const Peer& from,
                                                             milliseconds connect_limit) {
  std::unique_ptr<Connector> c = connector(e, from, Carries::bytes, connect_limit);
  co_return co_await c->connect();
}

void Upstreams::retain(const Snapshot& snapshot) {
  std::erase_if(pools_,
                [&](const auto& entry) { return snapshot.endpoint(entry.first.endpoint) == nullptr; });
}

}  // namespace meshd
