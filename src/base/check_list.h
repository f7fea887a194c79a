// SPDX-License-Identifier: Apache-2.0
// check_list.h: the items of `meshd check`: named things that were looked at, and what was found.
#pragma once
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"

namespace meshd {

// kNote is worth knowing, and nothing has to be done; kFinding is wrong, or soon will be.
class CheckList {
 public:
  static constexpr const char *kOk = "ok", *kNote = "note", *kFinding = "finding";

  // `hint` says what to do. `subject` and `hint` may be empty.
  void add(std::string_view id, const char* state, const std::string& subject, const std::string& what,
           const std::string& hint = {}) {
    JsonObject o;
    o["id"] = json(id);
    o["state"] = json(state);
    if (!subject.empty()) o["subject"] = json(subject);
    o["what"] = json(what);
    if (!hint.empty()) o["hint"] = json(hint);
    items_.push_back(Json(std::move(o)));
  }
  void append(CheckList more) {
    for (Json& item : more.items_) items_.push_back(std::move(item));
  }
  // [{"id","state","subject"?,"what","hint"?}]
  Json list() && { return Json(std::move(items_)); }

 private:
  JsonArray items_;
};

}  // namespace meshd
