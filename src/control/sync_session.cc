// SPDX-License-Identifier: Apache-2.0
#include "control/sync_session.h"

#include <algorithm>

#include "base/limits.h"
#include "base/log.h"
#include "control/ndjson.h"
#include "control/protocol.h"

namespace meshd {

// What the HTTP side pulls from. It may outlive the session's part in the hub.
class SyncBody final : public Body {
 public:
  explicit SyncBody(std::shared_ptr<SyncSession> session) : session_(std::move(session)) {}
  ~SyncBody() override { session_->end({Errc::cancelled, Side::client, "the node's stream is gone"}); }
  Await<Result<Chunk>> pull() override { return session_->next(); }
  void close(Error why) override { session_->end(why); }

 private:
  std::shared_ptr<SyncSession> session_;
};

SyncSession::SyncSession(SyncHub& hub, std::string node, std::unique_ptr<Body> from_node)
    : hub_(hub),
      node_(std::move(node)),
      from_node_(std::move(from_node)),
      heard_at_(hub.clock.now()),
      pinged_at_(hub.clock.now()) {}

std::unique_ptr<Body> SyncSession::begin() {
  spawn(listen(shared_from_this()));
  return std::make_unique<SyncBody>(shared_from_this());
}

void SyncSession::wake() {
  if (woken_.waiting()) woken_.complete(true);
}

void SyncSession::end(Error why) {
  if (ended_) return;
  ended_ = why;
  if (from_node_) from_node_->close(why);
  hub_.on_end(*this);
  wake();
}

// ---- to the node

Task<Result<Chunk>> SyncSession::next() {
  for (;;) {
    if (ended_) {
      if (ended_->code == Errc::closed) co_return Chunk();
      co_return fail(*ended_);
    }
    if (!sending_.empty()) {
      Chunk piece = sending_.sub(0, std::min<size_t>(sending_.size(), kReadBlock));
      sending_.remove_prefix(piece.size());
      co_return piece;
    }
    if (prepare()) continue;
    co_await woken_;
  }
}

// The next thing the node should be told, into sending_; false: nothing.
bool SyncSession::prepare() {
  if (!greeted_) return false;
  // Whom to trust comes before everything else that is to be done with it.
  if (hub_.trust_number != trust_sent_) {
    trust_sent_ = hub_.trust_number;
    sending_ = hub_.trust;
    return true;
  }
  // Before the content that it is about.
  if (hub_.trial && trial_sent_ != hub_.trial_version) {
    trial_sent_ = hub_.trial_version;
    sending_ = Chunk::copy(hub_.trial());
    return true;
  }
  const ContentPtr& newest = hub_.history.newest();
  if (newest && !sent_ && newest->sha256 != has_ && newest->sha256 != refused_) {
    sent_ = newest;
    sent_at_ = hub_.clock.now();
    sending_ = hub_.history.update_from(has_);
  } else if (health_sent_ != hub_.health_version) {
    health_sent_ = hub_.health_version;
    sending_ = hub_.health;
  } else if (watch_sent_ != hub_.watch_version) {
    watch_sent_ = hub_.watch_version;
    sending_ = hub_.watch;
  } else if (!shares_.empty()) {
    sending_ = std::exchange(shares_, {});
  } else if (shadow_sent_ != hub_.shadow_version && !sent_ && newest && newest->sha256 == has_) {
    // It is a difference from what the node has.
    shadow_sent_ = hub_.shadow_version;
    sending_ = hub_.shadow;
  } else if (asked_ != hub_.question_version) {
    asked_ = hub_.question_version;
    sending_ = hub_.question;
  } else if (ping_due_) {
    ping_due_ = false;
    JsonObject ping;
    ping["type"] = json("ping");
    ping["time"] = json(hub_.clock.unix_now());
    sending_ = Chunk::copy(to_text(Json(std::move(ping))) + "\n");
  }
  return !sending_.empty();
}

void SyncSession::tick() {
  Instant now = hub_.clock.now();
  if (now - heard_at_ > kSilenceMax) return end({Errc::timeout, Side::client, "the node says nothing"});
  if (sent_ && now - sent_at_ > kAnswerMax)
    return end({Errc::timeout, Side::client, "the node does not answer a commit"});
  if (now - pinged_at_ < kHeartbeat) return;
  pinged_at_ = now;
  ping_due_ = true;
  wake();
}

// ---- from the node

Task<void> SyncSession::listen(std::shared_ptr<SyncSession> self) {
  LineReader lines(*self->from_node_);
  for (;;) {
    auto line = co_await lines.next();
    if (self->ended_) co_return;
    if (!line) co_return self->end(line.error());
    auto value = parse_json(*line);
    if (!value) co_return self->end({Errc::protocol, Side::client, "the node sent a line that is not JSON"});
    self->take(*value);
    if (self->ended_) co_return;
  }
}

void SyncSession::take(const Json& line) {
  std::string type = text_of(line, "type");
  heard_at_ = hub_.clock.now();
  if (!greeted_) {
    if (type != "hello") return end({Errc::protocol, Side::client, "the node did not begin with hello"});
    return take_hello(line);
  }
  hub_.registry.heard(node_);
  if (type == "ack")
    take_answer(line, true);
  else if (type == "nack")
    take_answer(line, false);
  else if (type == "trusted")
    hub_.registry.trusted(node_, static_cast<uint64_t>(std::max<int64_t>(int_of(line, "number"), 0)),
                          text_of(line, "under"));
  else if (type == "health")
    hub_.on_health(node_, member(line, "down"));
  else if (type == "back")
    take_back(line);
  else if (type == "arms" && hub_.on_arms)
    hub_.on_arms(node_, line);
  else if (type == "demand")
    take_demand(line);
  else if (type == "status")
    hub_.registry.status(node_, to_text(line));
  else if (type == "answer" && hub_.on_answer)
    hub_.on_answer(node_, line);
  // Other types are of a newer node.
}

void SyncSession::take_demand(const Json& line) {
  auto shares = hub_.on_demand(node_, line);
  if (!shares) return;
  shares_ = Chunk::copy(to_text(*shares) + "\n");
  wake();
}

void SyncSession::take_hello(const Json& line) {
  Registry::Hello hello;
  hello.sha256 = has_ = text_of(line, "sha256");
  hello.revision.value = static_cast<uint64_t>(std::max<int64_t>(int_of(line, "revision"), 0));
  hello.version = text_of(line, "version");
  hello.address = text_of(line, "address");
  int64_t port = int_of(line, "mesh_port");
  hello.mesh_port = port > 0 && port <= 65535 ? static_cast<uint16_t>(port) : 0;
  hello.zone = text_of(line, "zone");
  hello.trust_number = trust_sent_ = static_cast<uint64_t>(std::max<int64_t>(int_of(line, "trust"), 0));
  hello.under = text_of(line, "under");
  greeted_ = true;
  log::info("node connected",
            {{"node", node_}, {"revision", hello.revision.value}, {"version", hello.version}});
  hub_.registry.hello(node_, hello);  // may change the content, and so what is sent first
  const ContentPtr& newest = hub_.history.newest();
  if (newest && newest->sha256 == has_) hub_.registry.acked(node_, *newest);
  wake();
}

void SyncSession::take_answer(const Json& line, bool taken) {
  if (!sent_ || int_of(line, "revision") != static_cast<int64_t>(sent_->revision.value)) return;
  if (taken) {
    has_ = sent_->sha256;
    refused_.clear();
    hub_.registry.acked(node_, *sent_);
  } else {
    refused_ = sent_->sha256;
    std::string error = text_of(line, "error", "no reason given");
    log::warn("node refused a configuration",
              {{"node", node_}, {"revision", sent_->revision.value}, {"error", error}});
    hub_.registry.refused(node_, *sent_, error);
  }
  sent_ = nullptr;
  wake();
}

// What it went back from it is not sent again; anything newer it is.
void SyncSession::take_back(const Json& line) {
  Revision tried{static_cast<uint64_t>(std::max<int64_t>(int_of(line, "revision"), 0))};
  std::string why = text_of(line, "why", "no reason given").substr(0, 1024);
  log::warn("node went back from an unconfirmed revision",
            {{"node", node_}, {"revision", tried.value}, {"why", why}});
  has_ = text_of(line, "sha256");
  sent_ = nullptr;
  const ContentPtr newest = hub_.history.newest();
  if (newest && newest->revision == tried) {
    refused_ = newest->sha256;
    hub_.registry.refused(node_, *newest, "went back: " + why);
  }
  hub_.registry.went_back(node_, has_);
  if (hub_.on_back) hub_.on_back(node_, tried, why);
  wake();
}

}  // namespace meshd
