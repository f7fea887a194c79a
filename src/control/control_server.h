// SPDX-License-Identifier: Apache-2.0
// control_server.h: the server's part of a meshd process: authority, store, control port, and what they serve.
//
// Runs on the control thread's Loop, which outlives it. Everything acknowledged is on disk before it is said, so it
// may end at any moment and begin again.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>

#include "control/api_router.h"
#include "control/ca_api.h"
#include "control/canary_api.h"
#include "control/config_watch.h"
#include "control/confirm_desk.h"
#include "control/control_port.h"
#include "control/distribute.h"
#include "control/flow_desk.h"
#include "control/key_desk.h"
#include "control/publish.h"
#include "control/server_api.h"
#include "control/server_identity.h"
#include "control/server_state.h"
#include "control/shadow_desk.h"
#include "http/server_group.h"
#include "net/listener.h"
#include "proxy/handshake_gate.h"
#include "tls/tls_stream.h"

namespace meshd {

inline constexpr size_t kControlConnectionsMax = 2'048;  // nodes hold one or two each; meshes have up to 500
// Connections from one address that have shown no certificate. Whoever has none cannot take the places of nodes.
inline constexpr size_t kStrangersPerAddressMax = 128;
inline constexpr milliseconds kControlTick{1'000};
inline constexpr int kFlushTicks = 5;                     // what nodes report is written down so often
inline constexpr int kTidyTicks = 3'600;                  // expired certificates and tokens leave the store
inline constexpr size_t kRevisionsKept = 1'000;           // older ones leave the history
inline constexpr UnixSeconds kTokensKept = 30LL * 86400;  // used and expired ones stay listed so long

class ControlServer {
 public:
  // Opens the state, takes up the newest revision and the file, and listens. Errors: each a sentence that says what to
  // do: a port in use, another meshd on the store, a database that is newer or damaged, a key open to others, …
  static Outcome<std::unique_ptr<ControlServer>> start(const StateDir& state, const Clock& clock);
  // After close(), when its tasks have ended; or right after a failed start.
  ~ControlServer();

  // Adds the server's part of the local API. `router` serves no calls after this has gone.
  void mount(ApiRouter& router) {
    api_->mount(router);
    history_->mount(router);
    ca_api_->mount(router);
    canary_api_->mount(router);
    shadow_->mount(router);
    flows_->mount(router);
  }

  // Stops listening and ends all sessions and connections; their tasks end in the loop's next turns.
  void close();
  // No connection is left.
  bool done() const { return connections_ == 0 && registry_->changed.idle(); }

  // For the node's status: where it listens, revision, file, nodes, authority.
  Json status_json() const;

  // What stands in the way of the server's part.
  CheckList checks() const { return keys_->checks(); }

  // Connections that were refused before a handshake: too many at once.
  uint64_t refused() const { return refused_; }
  const SocketAddress& control() const { return listener_->local(); }
  Publisher& publisher() { return *publisher_; }
  Registry& registry() { return *registry_; }

 private:
  ControlServer(StateDir state, const Clock& clock) : state_(std::move(state)), clock_(clock) {}
  Outcome<> open();
  Outcome<> listen();
  void accept(std::unique_ptr<TcpStream> stream);
  static Task<void> serve(ControlServer* self, std::unique_ptr<TcpStream> stream, HandshakeGate::Pass pass);
  void known(const std::string& from);
  void trust_changed();
  void tick();
  void tidy();
  std::string advertised() const;

  StateDir state_;
  const Clock& clock_;
  ServerFile file_;
  SpiffeId id_;

  // In the order in which they begin; they go in the other direction.
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Authority> authority_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<KeyDesk> keys_;
  std::unique_ptr<Distributor> distributor_;
  std::unique_ptr<ServerIdentity> identity_;
  std::unique_ptr<TrustDesk> trust_;
  std::unique_ptr<RootRotation> rotation_;
  std::unique_ptr<JoinDesk> join_;
  std::unique_ptr<CertificateDesk> certificates_;
  std::unique_ptr<RecoverDesk> recover_;
  std::unique_ptr<ControlDesks> desks_;
  std::unique_ptr<ServerApi> api_;
  std::unique_ptr<HistoryApi> history_;
  std::unique_ptr<CaApi> ca_api_;
  std::unique_ptr<CanaryDesk> canaries_;
  std::unique_ptr<ConfirmDesk> confirm_;
  std::unique_ptr<CanaryApi> canary_api_;
  std::unique_ptr<ShadowDesk> shadow_;
  std::unique_ptr<FlowDesk> flows_;
  std::unique_ptr<ConfigWatch> watch_;
  ServerGroup group_;
  std::unique_ptr<Listener> listener_;

  std::set<ByteStream*> handshaking_;  // not in group_ yet
  std::set<TlsStream*> known_;         // connections that have shown a certificate
  HandshakeGate gate_;
  uint64_t refused_ = 0;                     // connections, before a handshake
  size_t connections_ = 0;                   // accepted and not over
  std::map<std::string, size_t> strangers_;  // of those, by address: without a certificate so far
  bool closing_ = false;
  uint64_t ticks_ = 0;
  Timer timer_{[](void* self) { static_cast<ControlServer*>(self)->tick(); }, this};
};

}  // namespace meshd
