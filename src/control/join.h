// SPDX-License-Identifier: Apache-2.0
// join.h: POST /v1/join (protocol.h): a new machine shows a token and becomes a node. The one call without a client
// certificate.
#pragma once
#include <functional>
#include <string>
#include <unordered_map>

#include "ca/authority.h"
#include "control/publish.h"
#include "control/registry.h"
#include "store/store.h"

namespace meshd {

// How many joins from one address may fail: `kJoinFailures` at once, one more every `kJoinPause`. Secrets have 256 bits
// and cannot be guessed; this keeps a confused or hostile machine from filling the log and the disk's queue.
inline constexpr int kJoinFailures = 200;
inline constexpr milliseconds kJoinPause{1'000};
// The same of all addresses together: whoever has many gets no further.
inline constexpr int kJoinFailuresTotal = 2'000;
inline constexpr milliseconds kJoinPauseTotal{20};
inline constexpr size_t kJoinAddressesMax = 4'096;  // remembered; the table is emptied when it is full

class JoinDesk {
 public:
  struct Settings {
    std::string trust_domain;
    std::string server_id;                  // SPIFFE ID
    std::function<std::string()> control;   // "ip:port" that nodes dial
    std::function<UnixSeconds()> lifetime;  // of leaves; 0: the authority's own
    // Does the file place services on a node of this name? Such a name takes a token of its own. None: no name has any.
    std::function<bool(const std::string&)> placed = nullptr;
    // Within the transaction: this name is in the mesh (again); and after it.
    std::function<Outcome<>(const std::string&)> welcome = nullptr;
    std::function<void()> joined = nullptr;
  };
  JoinDesk(store::Store& store, const Authority& authority, Registry& registry, const Clock& clock,
           Settings settings)
      : store_(store),
        authority_(authority),
        registry_(registry),
        clock_(clock),
        settings_(std::move(settings)) {}

  // `from`: the caller's IP. The answer's body on 200. Errors: invalid_argument (malformed, the token is not used up), denied
  // (one sentence for an unknown, used or expired token), conflict (the name is taken; the token is not used up),
  // overload (too many failures), those of the store.
  Outcome<Json> join(const Json& request, const std::string& from);

  // The budget of calls without a certificate that fail.
  bool too_many(const std::string& from);
  void failed(const std::string& from);

 private:
  struct Failures {
    double count = 0;
    Instant at;
    // What is left of them at `now`, when each is forgotten after `pause`.
    double left(Instant now, milliseconds pause);
  };

  store::Store& store_;
  const Authority& authority_;
  Registry& registry_;
  const Clock& clock_;
  Settings settings_;
  std::unordered_map<std::string, Failures> failures_;
  Failures all_failures_;
};

}  // namespace meshd
