// SPDX-License-Identifier: Apache-2.0
// snapshot_codec: what a server sends and a node keeps: the stored text, its objects, their meaning. A hostile one may
// be refused; what is taken is canonical, and denies where it does not resolve.
#include <algorithm>

#include "fuzz.h"
#include "snapshot/codec.h"
#include "snapshot/decide.h"

namespace meshd::fuzz {
namespace {

void check_objects(const std::vector<Object>& objects) {
  for (const Object& o : objects) {
    auto again = decode_object(encode_object(o));
    must(again && *again == o, "an object changes through its line", o.name);
  }
  auto desired = from_objects(objects);
  if (!desired) {
    must(!desired.error().what.empty(), "a refusal without a reason");
    return;
  }
  std::vector<Object> canonical = to_objects(desired->model, desired->nodes);
  auto again = from_objects(canonical);
  must(again.has_value(), "canonical objects are refused", again ? "" : again.error().what);
  must(to_objects(again->model, again->nodes) == canonical, "canonical objects change");
  must(meshd::apply({}, diff({}, canonical)) == canonical, "everything as a difference is not everything");
  must(meshd::apply(canonical, diff(canonical, {})).empty(), "a difference to nothing leaves something");

  SnapshotPtr snapshot = compile(desired->model, desired->nodes, Revision{1});
  for (const auto& service : snapshot->services) {
    RequestFacts facts;
    facts.to = service.get();
    facts.method = "GET";
    facts.path = "/a/b";
    facts.random = 0x123456789abcdef;
    Decision d = decide(*snapshot, facts);
    must(!d.ok() || (d.policy.allowed() && !d.routing.candidates.empty()), "a request may go nowhere");
    for (const Endpoint* e : d.routing.candidates)
      must(e->status.empty() && e->weight > 0, "a candidate that must not be used");
    must(!policy_text(*snapshot, d.policy).empty(), "a verdict without its place");
  }
}

}  // namespace

FUZZ_TARGET(snapshot_codec) {
  if (auto stored = decode_snapshot(bytes)) {
    std::string text = encode_snapshot(*stored);
    auto again = decode_snapshot(text);
    must(again && again->objects == stored->objects && again->revision == stored->revision,
         "a stored snapshot changes");
    must(encode_snapshot(*again) == text, "a stored snapshot has two texts");
    check_objects(stored->objects);
  }
  // Without the header, as the control stream brings them.
  std::vector<Object> objects;
  for (std::string_view rest = bytes; !rest.empty();)
    if (auto o = decode_object(cut(rest, '\n'))) objects.push_back(std::move(*o));
  if (!objects.empty()) check_objects(objects);
}

}  // namespace meshd::fuzz
