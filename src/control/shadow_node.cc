// SPDX-License-Identifier: Apache-2.0
#include "control/shadow_node.h"

#include <utility>

#include "base/log.h"

namespace meshd {
namespace {

Json number(uint64_t n) { return json(static_cast<int64_t>(n)); }

Json row_json(const ShadowKey& key, const ShadowRow& row) {
  JsonArray samples;
  for (const ShadowSample& s : row.samples) {
    JsonObject o;
    o["time"] = json(s.time_ms / 1000);
    o["source"] = json(s.source);
    o["method"] = json(s.method);
    o["path"] = json(s.path);
    samples.push_back(Json(std::move(o)));
  }
  JsonObject o;
  o["kind"] = json(name_of(key.kind));
  o["direction"] = json(name_of(key.direction));
  o["service"] = json(key.service);
  o["before"] = json(key.before);
  o["after"] = json(key.after);
  o["count"] = number(row.count);
  o["first"] = json(row.first_ms / 1000);
  o["last"] = json(row.last_ms / 1000);
  o["samples"] = Json(std::move(samples));
  return Json(std::move(o));
}

}  // namespace

void ShadowNode::take(const std::string& type, const Json& line) {
  if (type == "shadow") {
    incoming_ = Incoming{text_of(line, "id"), text_of(line, "base"), text_of(line, "sha256"), {}};
  } else if (type == "shadow-object" && incoming_) {
    // One that cannot be read leaves the whole with another checksum.
    if (auto object = decode_object(to_text(member(line, "object"))))
      incoming_->delta.changed.push_back(std::move(*object));
  } else if (type == "shadow-remove" && incoming_) {
    incoming_->delta.removed.push_back({text_of(line, "kind"), text_of(line, "name")});
  } else if (type == "shadow-commit" && incoming_) {
    commit(*std::exchange(incoming_, std::nullopt));
  } else if (type == "shadow-end") {
    end();
  } else if (type == "ask" && text_of(line, "what") == "shadow") {
    answer(int_of(line, "n"));
  }
}

void ShadowNode::commit(Incoming in) {
  const SealedSnapshot& have = parts_.live.sealed();
  auto order = std::make_shared<ShadowOrder>();
  order->id = in.id;
  order->live = parts_.live.snapshot();
  error_.clear();
  if (have.sha256 != in.base) {
    error_ = "it is a difference from a configuration that this node does not act on";
  } else {
    SealedSnapshot next = seal({have.stored.revision, meshd::apply(have.stored.objects, in.delta)});
    auto desired = from_objects(next.stored.objects);
    if (next.sha256 != in.sha256)
      error_ = "its checksum does not fit what was received";
    else if (!desired)
      error_ = desired.error().what;
    else
      order->candidate = compile(desired->model, desired->nodes, next.stored.revision);
  }
  if (!error_.empty()) {
    log::warn("a shadow is refused", {{"id", in.id}, {"why", error_}});
    std::string why = error_;
    end();
    error_ = why;
    return;
  }
  if (id_ != in.id) since_ = parts_.clock.unix_now();
  id_ = in.id;
  log::info("requests are compared with a shadow", {{"id", id_}});
  parts_.set(std::move(order));
}

void ShadowNode::end() {
  if (!id_.empty()) log::info("the shadow is over", {{"id", id_}});
  id_.clear();
  error_.clear();
  parts_.set(nullptr);
}

void ShadowNode::answer(int64_t n) {
  parts_.collect([this, n](const ShadowCounts& counts) {
    JsonObject o;
    o["type"] = json("answer");
    o["what"] = json("shadow");
    o["n"] = json(n);
    o["id"] = json(id_);
    o["error"] = json(error_);
    o["since"] = json(since_);
    o["routed"] = number(counts.routed);
    o["judged"] = number(counts.judged);
    o["different"] = number(counts.different);
    o["overflow"] = number(counts.overflow);
    JsonArray rows;
    for (const auto& [key, row] : counts.rows) rows.push_back(row_json(key, row));
    o["rows"] = Json(std::move(rows));
    parts_.say(Json(std::move(o)));
  });
}

}  // namespace meshd
