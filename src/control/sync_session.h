// SPDX-License-Identifier: Apache-2.0
// sync_session.h: one node's open /v1/sync (protocol.h), both directions.
//
// To the node the body is pulled, so a slow node delays only itself and is never sent what is outdated meanwhile: after
// each acknowledgement it gets the step to the newest content. One commit is on its way at a time, so that an
// acknowledgement says which content the node has.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "control/content.h"
#include "control/registry.h"
#include "http/message.h"

namespace meshd {

class SyncSession;

// What all sessions share. Outlives every session that has not ended.
struct SyncHub {
  Registry& registry;
  const Clock& clock;
  ContentHistory history;
  Chunk health;                 // the newest {"type":"health"} line
  uint64_t health_version = 0;  // counts its changes
  Chunk watch;                  // the newest {"type":"watch"} line; empty: none was needed yet
  uint64_t watch_version = 0;
  std::function<std::string()> trial;  // the {"type":"trial"} line as of now; unset: there is none
  uint64_t trial_version = 0;
  Chunk trust;                  // the newest {"type":"trust"} line
  uint64_t trust_number = 0;    // of the document in it; 0: there is none yet
  Chunk shadow;                 // the lines that bring the newest shadow, or its end
  uint64_t shadow_version = 0;  // counts its changes
  Chunk question;               // the newest {"type":"ask"} line
  uint64_t question_version = 0;
  std::function<void(const std::string& node, const Json& line)> on_answer;
  std::function<void(const std::string& node, const Json& down)> on_health;
  std::function<void(const std::string& node, Revision revision, const std::string& why)> on_back;
  std::function<void(const std::string& node, const Json& line)> on_arms;
  std::function<std::optional<Json>(const std::string& node, const Json& demand)> on_demand;
  std::function<void(SyncSession&)> on_end;
};

class SyncSession final : public std::enable_shared_from_this<SyncSession> {
 public:
  SyncSession(SyncHub& hub, std::string node, std::unique_ptr<Body> from_node);

  // Begins to listen to the node, and gives the body that carries lines to it. Once.
  std::unique_ptr<Body> begin();

  // Something in the hub is newer than what the node was sent.
  void wake();
  // Each second: a ping when it is time, the end when the node is silent or does not answer a commit.
  void tick();
  // Over: nothing of the hub is touched from here on. An error of code `closed` ends the stream in order.
  void end(Error why);

  const std::string& node() const { return node_; }

 private:
  friend class SyncBody;
  Task<Result<Chunk>> next();
  bool prepare();
  static Task<void> listen(std::shared_ptr<SyncSession> self);
  void take(const Json& line);
  void take_demand(const Json& line);
  void take_hello(const Json& line);
  void take_answer(const Json& line, bool taken);
  void take_back(const Json& line);

  SyncHub& hub_;
  std::string node_;
  std::unique_ptr<Body> from_node_;
  std::optional<Error> ended_;
  Op<bool> woken_;

  bool greeted_ = false;  // hello came
  std::string has_;       // the content the node has; empty: none, or unknown
  std::string refused_;   // content it said no to
  ContentPtr sent_;       // committed by us and not yet answered
  Instant sent_at_;
  uint64_t trust_sent_ = 0;   // number
  uint64_t health_sent_ = 0;  // version
  uint64_t watch_sent_ = 0;   // version
  uint64_t trial_sent_ = 0;   // version
  uint64_t shadow_sent_ = 0;  // version
  uint64_t asked_ = 0;        // version
  Instant heard_at_, pinged_at_;
  bool ping_due_ = false;
  Chunk shares_;   // of rate limits, to be sent
  Chunk sending_;  // what is left of the update under way
};

// How long a node may take to act on a commit: it may have to ask for new certificates first.
inline constexpr milliseconds kAnswerMax{30'000};

}  // namespace meshd
