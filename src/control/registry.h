// SPDX-License-Identifier: Apache-2.0
// registry.h: the nodes of the mesh: what the store keeps of them and what they say while they are connected.
//
// Who joined is on disk before it counts. What nodes report (last seen, acknowledged revision, status) is kept here and
// written down every few seconds, many nodes at once: losing the last of it costs nothing.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/json.h"
#include "control/change_signal.h"
#include "control/content.h"
#include "snapshot/snapshot.h"
#include "store/store.h"

namespace meshd {

struct NodeState {
  NodeInfo info;          // by join; address, port and zone again by hello
  std::string spiffe_id;  // by join
  UnixSeconds joined_at = 0;
  bool connected = false;      // has a session now
  UnixSeconds last_seen = 0;   // 0: never
  Instant heard;               // of the last line; at first when this server began to listen for it
  std::string version;         // by hello
  std::string sha256;          // the content it has; empty: none known
  Revision acked;              // its revision
  std::string refused_sha256;  // content it could not take, until it takes another
  std::string error;           // why
  std::string status;          // its last status report, JSON
  uint64_t trust_number = 0;   // of the trust document it has (trust_doc.h); 0: none known
  std::string under;           // pin of the root above all its certificates; empty: of several, or unknown
  bool dirty = false;          // to be written down
};

class Registry {
 public:
  Registry(store::Store& store, const Clock& clock) : store_(store), clock_(clock) {}

  // Reads all nodes. Errors: those of the store.
  Outcome<> load();

  // By name. The pointer is good until the node is removed.
  const NodeState* find(const std::string& name) const;
  const std::map<std::string, NodeState>& all() const { return nodes_; }
  std::vector<NodeInfo> infos() const;  // by name

  // After the record is in the store.
  void added(const store::NodeRecord& record);
  // From the store too. False: there is none.
  // `with` is done in the same transaction.
  Outcome<bool> remove(const std::string& name, const std::string& who,
                       const std::function<Outcome<>()>& with = nullptr);

  // ---- by a node's session
  struct Hello {
    std::string sha256;  // of the content it has; empty: none
    Revision revision;
    std::string version;
    std::string address;     // empty or malformed: as it was
    uint16_t mesh_port = 0;  // 0: as it was
    std::string zone;
    uint64_t trust_number = 0;
    std::string under;
  };
  void hello(const std::string& name, const Hello& hello);
  void heard(const std::string& name);
  void acked(const std::string& name, const Content& content);
  void refused(const std::string& name, const Content& content, const std::string& error);
  void went_back(const std::string& name, const std::string& sha256);  // to the content that this names
  void trusted(const std::string& name, uint64_t number, const std::string& under);
  void status(const std::string& name, std::string json);
  void disconnected(const std::string& name);

  // Writes down what changed since the last time.
  Outcome<> flush();

  // Called when the list of nodes, an address, a port or a zone changed.
  std::function<void()> on_list_change;
  // Any change of what nodes said.
  ChangeSignal changed;

 private:
  NodeState* live(const std::string& name);
  void list_changed();

  store::Store& store_;
  const Clock& clock_;
  std::map<std::string, NodeState> nodes_;
};

// How people and the JSON API see a node.
Json node_json(const NodeState& node, const Clock& clock);

inline constexpr size_t kStatusBytesMax = 64 * 1024;  // of one node's status report; larger ones are not kept

}  // namespace meshd
