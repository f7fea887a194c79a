// SPDX-License-Identifier: Apache-2.0
// store.h: the control plane's state on disk. Belongs to the control thread; never called from a data loop.
//
//   auto store = Store::open(state + "/meshd.db", clock, sha256_hex);
//   auto appended = (*store)->revisions().append({.text = yaml, .author = "uid:0"});
//
// A write that returned without error survives kill -9 and power loss (WAL, synchronous=FULL).
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "store/audit.h"
#include "store/certificates.h"
#include "store/chain.h"
#include "store/denied.h"
#include "store/flows.h"
#include "store/nodes.h"
#include "store/revisions.h"
#include "store/settings.h"
#include "store/tokens.h"

namespace meshd::store {

class Database;

class Store {
 public:
  // Opens or creates `path`, checks it, and migrates an older one after a copy to PATH.schema<N>.bak. `clock` must
  // outlive the store. A file PATH.lock keeps a second meshd out. Errors, each a sentence that says what to do:
  // conflict (another meshd uses it, or another program's database), unsupported_version (made by a newer meshd),
  // permission, io (damaged, not a database), exhausted (disk full).
  static Outcome<std::unique_ptr<Store>> open(const std::string& path, const Clock& clock, Hash hash);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store();

  Revisions& revisions() { return revisions_; }
  Nodes& nodes() { return nodes_; }
  Tokens& tokens() { return tokens_; }
  Certificates& certificates() { return certificates_; }
  Denied& denied() { return denied_; }
  Audit& audit() { return audit_; }
  Settings& settings() { return settings_; }
  Flows& flows() { return flows_; }

  // Several changes that stand or fall together: all are on disk when this returns without error.
  Outcome<> transact(const std::function<Outcome<>()>& work);
  // A complete copy at `to` (mode 0600) while the store stays in use. Not inside transact().
  Outcome<> backup(const std::string& to);

 private:
  Store(std::unique_ptr<Database> db, int lock, const Clock& clock, Hash hash);

  Hash hash_;
  int lock_;  // descriptor of PATH.lock; the lock goes with it
  std::unique_ptr<Database> db_;
  Revisions revisions_;
  Nodes nodes_;
  Tokens tokens_;
  Certificates certificates_;
  Denied denied_;
  Audit audit_;
  Settings settings_;
  Flows flows_;
};

}  // namespace meshd::store
