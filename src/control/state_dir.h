// SPDX-License-Identifier: Apache-2.0
// state_dir.h: what lies where in a state directory, which `--state DIR` names; the same for servers and nodes.
//
//   node.json                 who this node is (NodeFile); written last, so that it says: complete
//   bundle.pem                the roots of the mesh
//   clock                     the time this node last knew (clock_keeper.h)
//   identities/NAME.key .crt  NAME is node, server (servers only) or svc.<service>; keys are 0600
//   server.json ca/ mesh.db   servers only (server_state.h)
//   admin.sock                the local API, unless the directory is the default one
// The directory is 0700 and belongs to the user meshd runs as.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "tls/context.h"
#include "tls/key_file.h"

namespace meshd {

inline constexpr std::string_view kDefaultState = "/var/lib/meshd";
inline constexpr std::string_view kDefaultAdminSocket = "/run/meshd/admin.sock";
inline constexpr uint16_t kMeshPort = 15008;
inline constexpr uint16_t kControlPort = 15012;

class StateDir {
 public:
  // With a seal, keys are kept encrypted (tls/key_seal.h).
  explicit StateDir(std::string root, SharedSeal seal = nullptr)
      : root_(std::move(root)), seal_(std::move(seal)) {}

  const std::string& root() const { return root_; }
  const SharedSeal& seal() const { return seal_; }
  std::string node_file() const { return root_ + "/node.json"; }
  std::string bundle() const { return root_ + "/bundle.pem"; }
  std::string identities() const { return root_ + "/identities"; }
  std::string key_of(std::string_view identity) const {
    return identities() + "/" + std::string(identity) + ".key";
  }
  std::string chain_of(std::string_view identity) const {
    return identities() + "/" + std::string(identity) + ".crt";
  }
  std::string server_file() const { return root_ + "/server.json"; }
  std::string ca() const { return root_ + "/ca"; }
  std::string database() const { return root_ + "/mesh.db"; }
  std::string admin_socket() const;

  bool is_node() const;    // node.json is there
  bool is_server() const;  // server.json is there

 private:
  std::string root_;
  SharedSeal seal_;
};

// Names in identities/.
inline constexpr std::string_view kNodeIdentity = "node";
inline constexpr std::string_view kServerIdentity = "server";
std::string service_identity(std::string_view service);  // "svc.web"

// ---- node.json

// What a node knows of itself and of its server.
struct NodeFile {
  std::string node;
  std::string address;  // where other nodes reach it, an IP
  uint16_t mesh_port = kMeshPort;
  std::string zone;  // may be empty
  std::string trust_domain;
  std::string server_id;  // SPIFFE ID that the control port must show
  std::string control;    // "ip:port" of the control port
};
// Errors: not_found (with the command that makes it), invalid_argument, those of read_file.
Outcome<NodeFile> load_node_file(const StateDir& state);
Outcome<> save_node_file(const StateDir& state, const NodeFile& node);

// ---- identities, bundle

// Key, then chain, each whole or not at all; after a crash between the two, load_identity finds the pair that fits.
Outcome<> save_identity(const StateDir& state, std::string_view name, const Identity& identity);
// Errors: not_found, permission (a key open to others), invalid_argument (not a pair, no SPIFFE ID).
Outcome<Identity> load_identity(const StateDir& state, std::string_view name);
// Removes both files; none is fine.
void remove_identity(const StateDir& state, std::string_view name);
// Names of which there is a chain, sorted.
std::vector<std::string> list_identities(const StateDir& state);

Outcome<> save_bundle(const StateDir& state, const TrustBundle& bundle);
Outcome<TrustBundle> load_bundle(const StateDir& state, const std::string& trust_domain);

// ---- making one: all or nothing

// init and join fill a directory inside the state directory, and only commit() moves what they made to its place.
// Without commit() nothing stays, not even the state directory if it was made for this.
class NewState {
 public:
  // Errors: conflict (there is a node already), permission (another owner, open to others), io (disk full): one
  // sentence that says what to do.
  static Outcome<NewState> begin(const StateDir& at);
  NewState(NewState&& o) noexcept;
  NewState& operator=(NewState&&) = delete;
  ~NewState();

  // Where to build; has identities/ already.
  const StateDir& staging() const { return staging_; }
  // Moves everything; node.json last. On errors what was moved is taken back.
  Outcome<> commit();

 private:
  NewState(StateDir at, StateDir staging, bool made)
      : at_(std::move(at)), staging_(std::move(staging)), made_(made) {}
  StateDir at_, staging_;
  bool made_ = false;  // the state directory itself
  bool open_ = true;   // neither moved from nor committed
};

}  // namespace meshd
