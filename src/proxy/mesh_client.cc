// SPDX-License-Identifier: Apache-2.0
// mesh_client.cc: tunnels to other nodes: connection (tcp → tls → h2), then one CONNECT stream each.
#include "proxy/mesh_client.h"

#include "loop/loop.h"
#include "net/tcp_stream.h"
#include "tls/tls_stream.h"

namespace meshd {
namespace {

std::string key_of(const TunnelTarget& t, const SpiffeId& from) {
  return from.uri() + ' ' + t.workload.uri() + ' ' + t.node.text();
}

// What the far node's answer to CONNECT means for us.
Error error_of(int status, std::string_view reason) {
  if (status == 401 || status == 403)
    return {Errc::denied, Side::upstream, "the called node denies the connection"};
  if (status == 503 && reason.starts_with("draining"))
    return {Errc::draining, Side::upstream, "the called node is going away"};
  if (status == 503) return {Errc::refused, Side::upstream, "the called node cannot reach the application"};
  if (status == 404) return {Errc::refused, Side::upstream, "the called node does not run that service"};
  return {Errc::protocol, Side::upstream, "the called node refuses the tunnel"};
}

}  // namespace

std::string_view name_of(Carries carries) {
  switch (carries) {
    case Carries::http: return "http";
    case Carries::bytes: return "bytes";
    case Carries::anything: return "anything";
  }
  return "anything";
}

MeshClients::~MeshClients() { close({Errc::cancelled, Side::self, "shutting down"}); }

H2Client* MeshClients::available(const std::string& key) {
  auto [first, last] = connections_.equal_range(key);
  H2Client* worn = nullptr;
  H2Client* found = nullptr;
  for (auto it = first; it != last && found == nullptr; ++it) {
    if (it->second->available() == 0) continue;
    // Every transport here is a TlsStream: connect() made it. One key is good for so many records only.
    (static_cast<TlsStream&>(it->second->transport()).worn() ? worn : found) = it->second.get();
  }
  if (worn != nullptr) worn->drain();
  return found;
}

Task<Result<std::unique_ptr<ByteStream>>> MeshClients::open(TunnelTarget target, const Peer& from,
                                                            milliseconds limit) {
  std::string key = key_of(target, from.id);
  // A connection may fill up or go away between finding and using it: look again, but not for ever.
  constexpr int kTries = 3;
  Error last{Errc::refused, Side::upstream, "no stream to the called node"};
  for (int i = 0; i < kTries; ++i) {
    H2Client* client = available(key);
    if (client == nullptr) {
      Result<> connected = co_await connect(key, target, from.id, limit);
      if (!connected) co_return fail(connected.error());
      client = available(key);
      if (client == nullptr) continue;
    }
    RequestHead head;
    head.version = HttpVersion::http2;
    head.set_method("CONNECT");
    head.set_authority(target.authority);
    head.add(kCarriesField, name_of(target.carries));
    auto stream = client->open(head, false);
    if (!stream) {
      last = stream.error();
      continue;
    }
    H2ClientStream& s = **stream;
    Timer deadline(
        [](void* waiting) {
          static_cast<H2ClientStream*>(waiting)->close(
              {Errc::unreachable, Side::upstream, "no answer to CONNECT"});
        },
        &s);
    deadline.start(limit);
    Result<ResponseHead> answer = co_await s.response();
    deadline.stop();
    if (!answer) {
      last = answer.error();
      if (last.code == Errc::refused || last.code == Errc::draining) continue;
      co_return fail(last);
    }
    if (answer->status / 100 != 2)
      co_return fail(error_of(answer->status, answer->find("x-meshd-error").value_or(std::string_view())));
    co_return std::unique_ptr<ByteStream>(std::move(*stream));
  }
  co_return fail(last);
}

// One connects, the others of the same key wait for it.
Task<Result<>> MeshClients::connect(std::string key, TunnelTarget target, SpiffeId from, milliseconds limit) {
  if (auto it = connecting_.find(key); it != connecting_.end()) {
    Op<Result<>> done;
    it->second.waiters.push_back(&done);
    co_return co_await done;
  }
  connecting_[key];
  std::shared_ptr<const TlsContext> tls = tls_;
  Result<> result;
  if (tls == nullptr || tls->identity(from) == nullptr) {
    result = fail(Errc::identity, Side::self, "this node has no certificate for the calling workload yet");
  } else {
    auto tcp = co_await tcp_connect(target.node, limit);
    if (!tcp) {
      result = fail(tcp.error());
    } else {
      ClientOptions options;
      options.sni = sni_of(target.workload);
      options.expected.push_back(target.workload);
      options.identity = from;
      auto secured = co_await tls_connect(std::move(*tcp), tls, std::move(options));
      if (!secured)
        result = fail(secured.error());
      else if (tls_ != tls && tls_->settings().denied &&
               tls_->settings().denied->denies((*secured)->peer_chain()))
        // Revoked while it shook hands.
        result = fail(Errc::identity, Side::upstream, "the peer's certificate is revoked");
      else if ((*secured)->alpn() != "h2")
        result = fail(Errc::protocol, Side::upstream, "the called node does not speak h2");
      else {
        auto client = std::make_unique<H2Client>(std::move(*secured), H2Options::mesh());
        client->observe(this);
        // Certificates changed meanwhile: good for what waits now, not to be kept.
        connections_.emplace(key, std::move(client));
      }
    }
  }
  Connecting done = std::move(connecting_[key]);
  connecting_.erase(key);
  for (Op<Result<>>* waiter : done.waiters) waiter->complete(result);
  co_return result;
}

void MeshClients::h2_changed(H2Client& client) {
  if (client.closed() || client.going_away()) sweep();
}

// Drops what is closed, moves what is going away out of the way of new tunnels.
void MeshClients::sweep() {
  for (auto it = connections_.begin(); it != connections_.end();) {
    if (it->second->going_away()) {
      retired_.push_back(std::move(it->second));
      it = connections_.erase(it);
    } else {
      ++it;
    }
  }
  std::erase_if(retired_, [](const auto& c) { return c->closed(); });
}

void MeshClients::set_tls(std::shared_ptr<const TlsContext> client) {
  tls_ = std::move(client);
  drain();
}

void MeshClients::drain() {
  std::vector<H2Client*> all;
  for (auto& [key, client] : connections_) all.push_back(client.get());
  for (H2Client* c : all) c->drain();
  sweep();
}

size_t MeshClients::cut(const std::function<bool(const TlsStream&)>& over, Error why) {
  std::vector<H2Client*> found;
  auto look = [&](H2Client& client) {
    // Every transport here is a TlsStream: connect() made it.
    if (!client.closed() && over(static_cast<TlsStream&>(client.transport()))) found.push_back(&client);
  };
  for (auto& [key, client] : connections_) look(*client);
  for (auto& client : retired_) look(*client);
  for (H2Client* client : found) client->observe(nullptr);
  for (H2Client* client : found) client->close(why);
  sweep();
  return found.size();
}

void MeshClients::close(Error why) {
  for (auto& [key, client] : connections_) client->observe(nullptr);
  for (auto& client : retired_) client->observe(nullptr);
  for (auto& [key, client] : connections_) client->close(why);
  for (auto& client : retired_) client->close(why);
  connections_.clear();
  retired_.clear();
}

}  // namespace meshd
