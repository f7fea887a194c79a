// SPDX-License-Identifier: Apache-2.0
#include "control/content.h"

#include "base/json.h"
#include "base/limits.h"
#include "tls/digest.h"

namespace meshd {
namespace {

std::string object_line(const Object& object) {
  return R"({"type":"object","object":)" + encode_object(object) + "}\n";
}

std::string line(JsonObject fields) { return to_text(Json(std::move(fields))) + "\n"; }

// `base` null: everything.
std::string encode_update(const Content* base, const Content& to) {
  JsonObject head;
  head["type"] = json("snapshot");
  head["revision"] = json(static_cast<int64_t>(to.revision.value));
  head["base"] = json(static_cast<int64_t>(base ? base->revision.value : 0));
  head["sha256"] = json(to.sha256);
  std::string text = line(std::move(head));
  if (base == nullptr) {
    for (const Object& object : to.objects) text += object_line(object);
  } else {
    Delta delta = diff(base->objects, to.objects);
    for (const ObjectKey& key : delta.removed) {
      JsonObject remove;
      remove["type"] = json("remove");
      remove["kind"] = json(key.kind);
      remove["name"] = json(key.name);
      text += line(std::move(remove));
    }
    for (const Object& object : delta.changed) text += object_line(object);
  }
  JsonObject commit;
  commit["type"] = json("commit");
  commit["revision"] = json(static_cast<int64_t>(to.revision.value));
  return text + line(std::move(commit));
}

}  // namespace

ContentPtr make_content(const model::Model& model, const std::vector<NodeInfo>& nodes, Revision revision) {
  auto content = std::make_shared<Content>();
  content->revision = revision;
  StoredSnapshot stored{revision, to_objects(model, nodes)};
  content->sha256 = sha256_hex(encode_snapshot(stored));
  content->objects = std::move(stored.objects);
  content->snapshot = compile(model, nodes, revision);
  return content;
}

std::string too_large_object(const std::vector<Object>& objects) {
  for (const Object& object : objects)
    if (object_line(object).size() > kControlLineMax) return object.kind + " " + object.name;
  return {};
}

void ContentHistory::add(ContentPtr content) {
  // The same content again, such as after a change was taken back: it becomes the newest of its kind.
  std::erase_if(kept_, [&](const ContentPtr& c) { return c->sha256 == content->sha256; });
  kept_.push_back(content);
  if (kept_.size() > kKept) kept_.pop_front();
  newest_ = std::move(content);
  updates_.clear();
  full_ = Chunk();
}

ContentPtr ContentHistory::find(const std::string& sha256) const {
  for (const ContentPtr& c : kept_)
    if (c->sha256 == sha256) return c;
  return nullptr;
}

Chunk ContentHistory::update_from(const std::string& sha256) {
  if (full_.empty()) full_ = Chunk::copy(encode_update(nullptr, *newest_));
  ContentPtr base = find(sha256);
  // Revision 0 as the base means everything, so nothing can be built on it.
  if (!base || base->revision.value == 0) return full_;
  Chunk& update = updates_[sha256];
  if (update.empty()) {
    std::string delta = encode_update(base.get(), *newest_);
    update = delta.size() < full_.size() ? Chunk::copy(delta) : full_;
  }
  return update;
}

}  // namespace meshd
