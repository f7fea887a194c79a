// SPDX-License-Identifier: Apache-2.0
// root_rotation.h: when a phase of a root rotation (ca/rotation.h) is over: when every node has done what it asks.
//
// What each phase means is on disk before it is acted on, so the server may end at any moment and go on later.
#pragma once
#include <string>
#include <vector>

#include "ca/authority.h"
#include "control/registry.h"
#include "control/server_identity.h"
#include "control/trust_desk.h"

namespace meshd {

// A root of our own is replaced by itself at this part of its life.
inline constexpr double kRotateRootAt = 0.75;

class RootRotation {
 public:
  struct Parts {
    store::Store& store;
    Authority& authority;
    const Registry& registry;
    ServerIdentity& identity;
    TrustDesk& trust;
    const Clock& clock;
  };
  explicit RootRotation(Parts parts) : parts_(std::move(parts)) {}

  // Errors: those of Authority::begin_rotation.
  Outcome<> begin(const std::string& who, bool force, const CaImport* given = nullptr);
  Outcome<> force(const std::string& who);
  Outcome<> abort(const std::string& who);

  // Once per second, and when nodes have said something: on to the next phase where this one is over.
  void tick();

  // Nodes that the present phase waits for, each with what it lacks; those that are away and not waited for are named too
  // (`skipped`).
  struct Waiting {
    std::string node, lacks;
    bool away = false, skipped = false;
  };
  std::vector<Waiting> waiting() const;
  Json status_json() const;

 private:
  Outcome<> step();
  Outcome<> advance();
  bool over() const;

  Parts parts_;
  std::string problem_;
};

}  // namespace meshd
