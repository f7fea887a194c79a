// SPDX-License-Identifier: Apache-2.0
// distribute.h: the newest content and the health of the mesh, to every node that is connected.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>

#include "control/limit_shares.h"
#include "control/mesh_health.h"
#include "control/sync_session.h"
#include "control/trust_doc.h"

namespace meshd {

class Distributor {
 public:
  Distributor(Registry& registry, const Clock& clock);
  ~Distributor();  // ends every session

  // From now on this is what nodes should have.
  void set_content(const ContentPtr& content);
  void set_trust(const SealedTrust& trust);

  // The lines that bring nodes a shadow, or end it (shadow_desk.h): to each node that has the newest content.
  void set_shadow(std::string_view lines);
  // A line to every node, the newest of each kind ("what"); all who asked `on_answer` see what they answer.
  void ask(const Json& question);
  void on_answer(std::function<void(const std::string& node, const Json& line)> take) {
    answers_.push_back(std::move(take));
  }

  // A node asks for /v1/sync, as `node`: that is proven. An older session of the same node ends.
  Response open(const std::string& node, std::unique_ptr<Body> from_node);
  // The node was removed: its session ends and what it said is forgotten.
  void drop(const std::string& node);

  // Nodes report the arms of these routes, each second; on_arms gets the lines.
  void watch(const std::set<std::string>& routes);
  std::function<void(const std::string& node, const Json& line)> on_arms;

  // What nodes are told of a revision on trial (confirm_desk.h), before the content and whenever this is called.
  void tell_trial(std::function<std::string()> line);
  std::function<void(const std::string& node, Revision revision, const std::string& why)> on_back;

  // Once per second: pings, silence, who is away.
  void tick();
  // Ends every session in order; nodes come back by themselves.
  void close();

  size_t sessions() const { return sessions_.size(); }
  const MeshHealth& health() const { return health_; }

 private:
  void ended(SyncSession& session);
  void refresh_health();
  void wake_all();

  Registry& registry_;
  SyncHub hub_;
  std::map<std::string, std::string> questions_;  // by kind
  std::vector<std::function<void(const std::string&, const Json&)>> answers_;
  MeshHealth health_;
  LimitShares shares_;
  std::string health_line_;
  std::map<std::string, std::shared_ptr<SyncSession>> sessions_;  // by node
};

}  // namespace meshd
