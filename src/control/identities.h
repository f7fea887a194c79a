// SPDX-License-Identifier: Apache-2.0
// identities.h: the keys and certificates of this node and of the workloads placed on it: on disk, in memory, renewed.
//
// Keys are made here and never leave. What is missing or due is asked for in one POST /v1/certificates with the node's
// current certificate; a failed or odd renewal never replaces a good certificate. Each change gives new TLS contexts.
// Belongs to the control thread. The server's own identity is not here: server_state.h.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "ca/lifecycle.h"
#include "control/change_signal.h"
#include "control/clock_keeper.h"
#include "control/node_trust.h"
#include "control/state_dir.h"
#include "loop/loop.h"
#include "loop/task.h"
#include "proxy/data_loops.h"
#include "snapshot/snapshot.h"

namespace meshd {

class Identities {
 public:
  // Asks the server: POST /v1/certificates with `body`; gives the answer. (server_link.h, or a test.)
  using Ask = std::function<Task<Outcome<Json>>(Json body)>;
  using OnChange = std::function<void(const NodeTls&)>;

  // Reads the node's and all workloads' identities and the bundle. A workload's that is damaged is left out, with a
  // warning: it can be had again. Errors: those of the node's own, which cannot.
  static Outcome<std::unique_ptr<Identities>> load(StateDir state, const NodeFile& node, ClockKeeper& time);
  ~Identities();

  // Renews from now on. `changed` is told of every new pair of contexts. `recover` asks POST /v1/recover, without a
  // certificate: for a node whose own has ended.
  void start(Ask ask, OnChange changed, Ask recover = nullptr);
  // The server says whom to trust: roots, what is revoked, which root signs; leaves under others are renewed at once.
  // Takes effect on the contexts and is on disk when this returns. Errors: NodeTrust::take.
  Outcome<> take_trust(const SealedTrust& sealed);
  const NodeTrust& trust() const { return trust_; }
  // Renews now, whatever the age: one identity, or all for an empty name. Errors: not_found, those of the request.
  Task<Outcome<>> rotate(std::string name);
  // The pin of the root that signs, where every certificate here stands under it; else empty.
  std::string under() const;
  // The wall clock moved (a suspended machine woke up, a test advanced it): looks now at what is due.
  void clock_moved() { timer_.start(milliseconds(0)); }
  // No new requests; one that is under way still ends.
  void stop();

  // Gets certificates for the workloads that `snapshot` places here and that have none, waiting for the server a
  // few seconds at most: those still missing are asked for again later.
  Task<void> prepare(SnapshotPtr snapshot);
  // Forgets the workloads that `snapshot` does not place here.
  void settle(const Snapshot& snapshot);

  const NodeTls& tls() const { return tls_; }
  const TrustBundle& bundle() const { return bundle_; }

  // One line of the status.
  struct State {
    std::string name;   // "node", "svc.web"
    std::string id;     // SPIFFE ID
    bool held = false;  // there is a certificate; else only `problem` says anything
    Validity validity;
    std::string serial;
    CertState state = CertState::expired;
    UnixSeconds next_try = 0;
    std::string problem;  // why the last request failed; empty: it did not
  };
  std::vector<State> states() const;
  // When the first certificate ends: until then this node can serve without any server.
  UnixSeconds alone_until() const;

 private:
  struct Entry {
    SpiffeId id;
    std::shared_ptr<const Identity> held;  // null: none yet
    double jitter = 0;                     // drawn once per certificate
    uint32_t failures = 0;                 // requests since the last certificate
    UnixSeconds retry = 0;                 // after a failure: not before
    bool early = false;                    // to be replaced for another reason than its age
    std::string problem;
  };
  Identities(StateDir state, NodeFile node, TrustBundle bundle, ClockKeeper& time);

  UnixSeconds due(const Entry& e) const;
  Task<void> renew();   // what is due, in one request
  Task<bool> no_ask();  // waits until no request is under way; false: the node stops, or it takes too long
  std::string accept(const std::string& name, Entry& e, KeyPair key,
                     const Json& answer);  // a problem, or empty
  void take_bundle(const std::string& pem);
  void use_trust();
  bool stands_under(const Entry& e, const Certificate& root) const;
  bool own_expired() const;
  void rebuild();
  void arm();
  static void tick(void* self);

  StateDir state_;
  NodeFile node_;
  TrustBundle bundle_;
  NodeTrust trust_;
  ClockKeeper& time_;
  const Clock& clock_;
  FastRandom random_;
  std::map<std::string, Entry> entries_;  // by name in identities/
  NodeTls tls_;
  Ask ask_, recover_;
  OnChange changed_;
  Timer timer_;
  bool asking_ = false;
  bool lost_ = false;   // the contexts are of a time when nobody knew the time
  ChangeSignal asked_;  // asking_ became false
};

// The name of a workload's identity on disk, by its SPIFFE ID; empty for ids that no workload here can have.
std::string identity_name(const SpiffeId& id);

}  // namespace meshd
