// SPDX-License-Identifier: Apache-2.0
// server_state.h: what a server has in its state directory beyond a node's (state_dir.h), and `meshd init`, which makes
// all of it:
//
//   server.json   ServerFile
//   ca/           root and issuing certificate with their keys (ca/authority.h)
//   mesh.db       revisions, nodes, tokens, certificates, audit log (store/store.h)
//   identities/server.*  what the control port shows
#pragma once
#include <optional>
#include <string>

#include "base/clock.h"
#include "ca/authority.h"
#include "control/server_tokens.h"
#include "control/state_dir.h"
#include "model/model.h"

namespace meshd {

struct ServerFile {
  std::string config;   // absolute path of the mesh's file
  std::string control;  // "ip:port" it listens on
  std::string name;     // of the node it runs on
};
Outcome<ServerFile> load_server_file(const StateDir& state);
Outcome<> save_server_file(const StateDir& state, const ServerFile& server);

struct InitOptions {
  std::string state;
  std::string config;        // the mesh's file; a starter is written where there is none
  std::string name;          // of this node
  std::string address;       // IP where other nodes reach this one
  std::string control;       // "ip:port"; empty: the file's server.control, else ADDRESS:15012
  std::string trust_domain;  // empty: the file's, else MESH_NAME.mesh, else mesh.internal
  std::string mesh_name;     // for the starter; empty: mesh
  std::string zone;
  uint16_t mesh_port = kMeshPort;
  std::optional<UnixSeconds> token_lifetime;  // makes a first join token
  std::string ca_cert,
      ca_key;  // a CA made elsewhere: its certificate with the chain up to the root, and its key; or none
  SharedSeal seal;  // keys are sealed with this; null: kept in the clear
};

struct Initialized {
  bool config_valid = true;  // false: the file has errors; nothing was made
  std::string rendered;      // findings in the file, as people read them
  std::string summary;
  std::string config;            // absolute path
  bool starter_written = false;  // `config` was made by this
  std::string trust_domain;
  std::string control;
  std::string pin;  // of the root
  Revision revision;
  std::string token;  // with token_lifetime; the caller wipes it
};

// Makes a server with its first node, all of it or nothing. Errors: invalid_argument (options), conflict (there is a node
// already; the trust domain is not the file's), permission, io, exhausted: each a sentence that says what to do.
Outcome<Initialized> init_server(const InitOptions& options, const Clock& clock);

// A commented file that passes every check.
struct StarterOptions {
  std::string mesh_name, trust_domain, node, control;
};
std::string starter_file(const StarterOptions& options);

// A new key, and its certificate signed by the local authority.
Outcome<Identity> make_identity(store::Store& store, const Authority& authority, const Clock& clock,
                                const SpiffeId& id, UnixSeconds lifetime);
// What the file says about lives of certificates, over the defaults.
Lifetimes lifetimes_of(const model::Model* model);

}  // namespace meshd
