// SPDX-License-Identifier: Apache-2.0
// shadow_desk.h: the server's part in a shadow: checks a candidate, sends it to the nodes beside what is in force,
// gathers what they counted, makes it a revision or drops it. It is in the store: a restart of the server keeps it.
//
// A shadow is compared with the revision that was in force when it was made. With another revision it no longer applies:
// the nodes end it, and so does status say.
//
// POST   /v1/shadow          {"yaml","message"?,"file"?}   200 {"id","base","rendered","summary","diff"}; 422 as /v1/apply
// GET    /v1/shadow          {"id","state": running|stale,"base","in_force","author","message","time",
//                             "nodes": [{"name","state": comparing|away|silent|without,"error","since","routed","judged",
//                             "different"}],"routed","judged","different","overflow","groups": [{"kind","direction",
//                             "service","before","after","count","first","last","samples": [{"time","node","source",
//                             "method","path"}]}]}; 404: there is none
// POST   /v1/shadow/promote  as /v1/apply; 409 when it no longer applies
// DELETE /v1/shadow          {"id"}
#pragma once
#include <map>
#include <optional>
#include <string>

#include "control/api_router.h"
#include "control/distribute.h"
#include "control/publish.h"
#include "control/registry.h"
#include "store/store.h"

namespace meshd {

inline constexpr milliseconds kShadowAnswerMax{2'000};  // what status waits for nodes

class ShadowDesk {
 public:
  struct Parts {
    store::Store& store;
    Registry& registry;
    Publisher& publisher;
    Distributor& distributor;
    const Clock& clock;
  };
  explicit ShadowDesk(Parts parts);

  // Takes up what the store has. Errors: those of the store.
  Outcome<> load();
  void mount(ApiRouter& router);
  // The newest content is another.
  void content_changed();

 private:
  using Answer = Task<Result<Response>>;
  struct Shadow {
    std::string id, text, author, message;
    UnixSeconds time = 0;
    Revision base;
  };
  Answer begin(ApiCall& call);
  Answer status(ApiCall& call);
  Answer promote(ApiCall& call);
  Answer drop(ApiCall& call);
  bool stale() const { return shadow_->base != parts_.publisher.revision(); }
  Outcome<> keep(std::optional<Shadow> shadow, const std::string& who, const char* what);
  void distribute();
  void take(const std::string& node, const Json& line);
  Json status_json(uint64_t asked) const;

  Parts parts_;
  std::optional<Shadow> shadow_;
  bool distributed_ = false;
  uint64_t asked_ = 0;
  std::map<std::string, Json> answers_;  // the last of each node
};

}  // namespace meshd
