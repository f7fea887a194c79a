// SPDX-License-Identifier: Apache-2.0
// key_desk.h: the keys of token issuers: the server gets them, keeps them through outages and restarts, and sends them to
// the nodes as part of the content. So nodes need no way to the issuers, and all of them change at once.
//
// From a file: read again when it changes. From an address, or by OpenID Connect Discovery 1.0: every `refresh`, soon again
// after a failure, and when a node met a token with an unknown key, but never more than once in kKeysAskedEvery.
#pragma once
#include <sys/stat.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/check_list.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "loop/task.h"
#include "model/model.h"
#include "net/resolver.h"
#include "store/store.h"

namespace meshd {

inline constexpr milliseconds kKeysAskedEvery{10'000};    // the least between two questions to one issuer
inline constexpr milliseconds kKeysRetryFirst{2'000};     // after a failure; then twice that, up to
inline constexpr milliseconds kKeysRetryMost{60'000};     // this
inline constexpr size_t kDiscoveryBytesMax = 256 * 1024;  // of an issuer's own description

class KeyDesk {
 public:
  // `changed`: some issuer's keys are others than fill() wrote last. The loop outlives this.
  KeyDesk(store::Store& store, const Clock& clock, std::function<void()> changed);
  ~KeyDesk();  // what is under way finds nobody to tell

  // Writes what is known of each issuer's keys into the model that is about to be in force, and looks for the rest.
  void fill(model::Model& model);
  // A node met a token that is signed with a key it does not know.
  void want(const std::string& issuer);
  // Once per second.
  void tick();

  // [{"name","issuer","source","keys","ignored","fetched": time or empty,"error"}]
  Json status_json() const;
  // jwt.keys, of each issuer: its keys are here, and how old they are
  CheckList checks() const;

 private:
  struct Entry {
    std::string name, issuer;
    model::KeySource from;
    std::string text;  // the keys, as jwk_set.h writes them; empty: none yet
    size_t keys = 0, ignored = 0;
    UnixSeconds fetched = 0;  // when the keys were last seen at their source
    std::string error;        // of the last try
    Instant next{};           // when to try
    Instant asked{};          // when it was last tried; 0: never
    milliseconds retry{0};    // the next wait after a failure
    bool under_way = false;
    struct Look {
      ino_t inode = 0;
      off_t size = 0;
      int64_t modified_ns = 0;
      friend bool operator==(const Look&, const Look&) = default;
    } file;  // as it was read
  };
  using EntryPtr = std::shared_ptr<Entry>;

  EntryPtr restored(const model::Issuer& issuer);
  void read_key_file(Entry& e);
  void take(Entry& e, Outcome<std::string> set);
  static Task<void> ask(KeyDesk* self, EntryPtr e, std::shared_ptr<bool> alive);

  store::Store& store_;
  const Clock& clock_;
  std::function<void()> changed_;
  Resolver resolver_;
  FastRandom random_;
  std::map<std::string, EntryPtr> entries_;
  bool filling_ = false;  // what changes now is written at once
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace meshd
