// SPDX-License-Identifier: Apache-2.0
// publish.h: the one door through which a changed file becomes what the mesh acts on. publish.cc tells the life of
// a change, stage by stage.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/content.h"
#include "control/registry.h"
#include "model/config.h"
#include "store/store.h"

namespace meshd {

// Findings that need the running mesh; those of the file alone are in model/diagnostics.h.
namespace md {
inline constexpr std::string_view unknown_node = "MD3001",  // warning: no node of that name has joined
    other_trust_domain = "MD3002",                          // not the one the authority was made for
    object_too_large = "MD3003";                            // one service, route or rule over kControlLineMax
}

struct Change {
  std::string text;    // the whole file
  std::string author;  // "root", "file"
  std::string message;
  std::string shown_as;  // the file's name in findings; empty: the server's own file's
  // An edit of the server's file that is not in force makes this a conflict; without it the edit is laid aside.
  bool careful = false;
  bool leave_file = false;  // the server's file is not touched: it holds an edit that must not be lost
  // Runs in the transaction that makes the revision: what must be on disk with it.
  std::function<Outcome<>(Revision)> with;
};

struct Published {
  bool accepted = false;  // false: the text has errors, and nothing was changed
  Revision revision;      // in force after this
  bool changed = false;   // it was made by this
  std::vector<model::Diagnostic> diagnostics;
  std::string rendered;  // the findings as people read them
  std::string summary;   // "2 errors, 1 warning; the running configuration (revision 41) is unchanged"
  std::string diff;      // from the revision in force before; empty where the texts are equal
};

class Publisher {
 public:
  struct Settings {
    std::string trust_domain;
    std::string file;  // the server's own file, an absolute path; empty: there is none (tests)
  };
  Publisher(store::Store& store, Registry& registry, Settings settings)
      : store_(store), registry_(registry), settings_(std::move(settings)) {}

  // Takes up the newest revision of the store. One that this version cannot read is left aside with a log line: nodes keep
  // what they have until the next good file. Errors: those of the store.
  Outcome<> load();

  // What publish() would say, with nothing changed.
  Published check(const Change& change) const;

  // When this returns accepted, the revision and the server's file are on disk. Errors: conflict (`careful`, `may_change`),
  // those of the store and the file; then neither has changed.
  Outcome<Published> publish(const Change& change);

  // The registry's list of nodes, or what `complete` writes, is not what it was.
  void nodes_changed() { remake(); }

  // What is in force; all empty before the first revision.
  Revision revision() const { return revision_; }
  const std::string& text() const { return text_; }
  const model::Model* model() const { return model_ ? &*model_ : nullptr; }
  const ContentPtr& content() const { return content_; }
  const std::string& file() const { return settings_.file; }

  // Whether a change may be made now; unset: always. Errors: why not.
  std::function<Outcome<>()> may_change;
  // Writes what is known besides the file into the model that is about to be in force; unset: nothing.
  std::function<void(model::Model&)> complete;
  // Called with each new content, and by load().
  std::function<void(const ContentPtr&)> on_content;

 private:
  struct Checked {
    Published result;
    std::optional<model::Model> model;
  };
  Checked examine(const Change& change) const;
  void check_against_mesh(const model::Model& model, const std::string& text,
                          std::vector<model::Diagnostic>& diagnostics) const;
  Outcome<> keep(const Change& change, Published& result);
  void remake();

  store::Store& store_;
  Registry& registry_;
  Settings settings_;
  Revision revision_;
  std::string text_;
  std::optional<model::Model> model_;
  ContentPtr content_;
};

// Replaces the file's text through its links, with its mode and owner kept; `keep_previous`: what was there stays as PATH.prev.
// Errors: permission, io; the file is as it was.
Outcome<> replace_config_file(const std::string& path, std::string_view text, bool keep_previous = false);

}  // namespace meshd
