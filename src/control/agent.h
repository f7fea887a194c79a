// SPDX-License-Identifier: Apache-2.0
// agent.h: keeps this node in step with its server, for ever: one open call (POST /v1/sync, protocol.h) over which
// snapshots and health come down and acknowledgements, health and status go up.
//
// Away from the server the node goes on with what it has; the agent tries again with a growing, jittered pause.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "control/clock_keeper.h"
#include "control/health_view.h"
#include "control/identities.h"
#include "control/live_config.h"
#include "control/ndjson.h"
#include "control/server_link.h"
#include "control/state_dir.h"
#include "control/trial.h"
#include "loop/loop.h"
#include "telemetry/metrics.h"

namespace meshd {

// Agent::State::problem before the first try has ended.
inline constexpr std::string_view kNotTried = "not tried yet";

class Agent {
 public:
  struct Parts {
    const NodeFile& node;
    std::string version;
    std::function<std::shared_ptr<const TlsContext>()> tls;  // the node's client context of this moment
    LiveConfig& live;
    HealthView& health;
    std::function<Json()> status;  // what the server shows of this node
    // This node's metrics of now, once; unset: it reports none.
    std::function<void(std::function<void(MetricsCopy)>)> collect = {};
    Trial* trial = nullptr;                        // unset: revisions are not tried
    std::function<void(const Json&)> shares = {};  // of mesh-wide rate limits; unset: there are none
    Identities& identities;                        // take what the server says of trust
    ClockKeeper& time;
    std::function<void(const std::string& type, const Json& line)> other = {};  // what is none of the agent's
  };
  // All parts outlive the agent.
  explicit Agent(Parts parts);
  ~Agent();

  // Errors: invalid_argument (node.json names no server that can be dialled).
  Outcome<> start();
  // Ends the connection; the agent's task comes to its end soon after.
  void stop();
  bool stopped() const { return done_; }

  // Says one line to the server; lost while away, or when the server does not keep up.
  void say(const Json& line);
  // This node's own health changed: the server is told.
  void health_changed();

  struct State {
    bool connected = false;
    UnixSeconds since = 0;      // of being connected or not
    std::string problem;        // why not; empty while connected
    std::string refused;        // why the last snapshot was not taken; empty when it was
    uint64_t connects = 0;      // since the start
    std::string trust_refused;  // why the last trust document was not taken; empty when it was
  };
  const State& state() const { return state_; }

  // What node certificates are asked with (Identities::Ask): a connection of its own.
  Task<Outcome<Json>> ask_certificates(Json body);
  // The same without a certificate (Identities::start, recover): the server is known by its root's pin.
  Task<Outcome<Json>> ask_recovery(Json body);
  // Certificates are others than before: the server waits to hear under which root.
  void trust_changed();

 private:
  struct Incoming;  // a snapshot that is being received
  struct Session;   // one connection

  Task<void> run();
  Task<Outcome<>> serve_once();
  Task<Outcome<>> follow(Session& session, Body& body);
  Task<Outcome<>> handle(Session& session, std::string line);
  Task<Outcome<>> commit(Session& session, uint64_t revision);
  Task<Outcome<>> take(SealedSnapshot next);
  Task<void> go_back(std::string why);
  void take_trial(const Json& line);
  static void watch_trial(void* self);
  void say_hello(Session& session);
  void say_trusted(Session& session);
  void heard(Session& session);
  static void silence(void* session);
  static void report_arms(void* session);
  static void pause_over(void* self);

  Parts parts_;
  ServerAddress server_;
  FastRandom random_;
  State state_;
  Session* session_ = nullptr;  // of the open call
  std::string said_under_;      // in it
  Op<bool> pause_;              // true: go on
  Timer pause_timer_;
  Timer trial_timer_;                                              // each second
  bool taking_ = false;                                            // a snapshot is on its way to the loops
  std::shared_ptr<Agent*> self_ = std::make_shared<Agent*>(this);  // for answers that come after its end
  int64_t epoch_;                                                  // names this process in what it counts
  bool from_nothing_ = false;  // what we have did not fit the server's changes: ask for everything
  bool stopping_ = false;
  bool done_ = true;
};

// The pause before try number `failures` + 1: 100 ms doubling up to 5 s, of which `jitter` in [0, 1) takes up to half away.
milliseconds reconnect_pause(uint32_t failures, double jitter);

}  // namespace meshd
