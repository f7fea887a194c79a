// SPDX-License-Identifier: Apache-2.0
// codec.h: desired state as a list of small objects: what the control stream carries and what a node stores as last good.
//
// Objects are canonical one-line JSON: the same value gives the same bytes. Lines inside an object count from its own first line;
// where each object stands is kept in the one object of kind "layout", so that a line inserted into the file changes that object only.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "model/model.h"
#include "snapshot/snapshot.h"

namespace meshd {

struct Object {
  std::string kind;  // mesh, layout, node, service, route, rule, issuer
  std::string name;  // unique within the kind
  std::string json;  // one line
  friend bool operator==(const Object&, const Object&) = default;
};

struct Desired {
  model::Model model;  // without tests
  std::vector<NodeInfo> nodes;
};

// Sorted by kind and name.
std::vector<Object> to_objects(const model::Model& model, const std::vector<NodeInfo>& nodes);
// Errors: invalid_argument, naming the object. Fields that are not known are refused: a newer server may mean
// something by them that must not be skipped.
Outcome<Desired> from_objects(const std::vector<Object>& objects);

struct ObjectKey {
  std::string kind, name;
  friend bool operator==(const ObjectKey&, const ObjectKey&) = default;
};
struct Delta {
  std::vector<Object> changed;  // new or different
  std::vector<ObjectKey> removed;
  bool empty() const { return changed.empty() && removed.empty(); }
};
// Both lists sorted as to_objects sorts them; so is the result of apply.
Delta diff(const std::vector<Object>& from, const std::vector<Object>& to);
std::vector<Object> apply(std::vector<Object> objects, const Delta& delta);

// One object as one line without its line end: {"json":…,"kind":…,"name":…}, and back.
std::string encode_object(const Object& object);
Outcome<Object> decode_object(std::string_view line);

// The whole as text: a header line {"format":"meshd-snapshot","objects":N,"revision":R,"version":1}, then a line per object.
struct StoredSnapshot {
  Revision revision;
  std::vector<Object> objects;
};
std::string encode_snapshot(const StoredSnapshot& snapshot);
// Errors: invalid_argument (not such a text, or cut short), unsupported_version.
Outcome<StoredSnapshot> decode_snapshot(std::string_view text);

}  // namespace meshd
