// SPDX-License-Identifier: Apache-2.0
// publish.cc: the life of a change, as a table of contents.
//
//   somebody edits the file (config_watch.cc), or posts a text (server_api.cc)
//   → model/config.h      text to values, with every finding at once
//   → check_against_mesh  what only the running mesh knows
//   → replace_config_file the file is the truth: it changes first
//   → store/revisions.h   one append; from here the change survives anything
//   → content.cc          objects for the nodes, compiled once here as the nodes do
//   → distribute.cc       to every node, and its acknowledgement back into registry.cc
#include "control/publish.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <tuple>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "control/text_diff.h"
#include "model/diagnostics.h"

namespace meshd {
namespace {

std::string base_name(const std::string& path) {
  std::string name = path.substr(path.rfind('/') + 1);
  return name.empty() ? "meshd.yaml" : name;
}

// Where the text first says `word`.
SourcePos position_of(const std::string& text, std::string_view word) {
  size_t at = text.find(word);
  if (at == std::string::npos) return {};
  size_t line_start = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
  return {static_cast<uint32_t>(
              1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n')),
          static_cast<uint32_t>(1 + at - line_start)};
}

}  // namespace

Published Publisher::check(const Change& change) const { return examine(change).result; }

Outcome<Published> Publisher::publish(const Change& change) {
  Checked checked = examine(change);
  Published& result = checked.result;
  if (!result.accepted) return std::move(result);
  if (may_change && change.text != text_)
    if (auto may = may_change(); !may) return fail(std::move(may.error()));
  if (auto kept = keep(change, result); !kept) return fail(std::move(kept.error()));

  // The revision is on disk: from here the change only goes forward, whatever happens to this process.
  model_ = std::move(checked.model);
  if (result.changed || !content_) {
    revision_ = result.revision;
    text_ = change.text;
    log::info("configuration published", {{"revision", revision_.value}, {"author", change.author}});
    remake();
  }
  return std::move(result);
}

Publisher::Checked Publisher::examine(const Change& change) const {
  Checked out;
  Published& result = out.result;
  model::ParsedConfig parsed = model::parse_config(change.text, base_name(settings_.file));
  result.diagnostics = std::move(parsed.diagnostics);
  if (parsed.model) check_against_mesh(*parsed.model, change.text, result.diagnostics);
  out.model = std::move(parsed.model);

  result.accepted = out.model && model::count(result.diagnostics).errors == 0;
  result.revision = revision_;
  std::string shown_as = change.shown_as.empty() ? settings_.file : change.shown_as;
  result.rendered = model::render(result.diagnostics, shown_as, change.text);
  result.summary = model::summary(result.diagnostics, revision_.value > 0 ? std::optional<Revision>(revision_)
                                                                          : std::optional<Revision>());
  result.diff = text_diff({"revision " + std::to_string(revision_.value), text_}, {shown_as, change.text});
  return out;
}

void Publisher::check_against_mesh(const model::Model& model, const std::string& text,
                                   std::vector<model::Diagnostic>& diagnostics) const {
  using model::Diagnostic;
  auto add = [&](Diagnostic::Severity severity, std::string_view code, SourcePos at, size_t length,
                 std::string message, std::string hint) {
    diagnostics.push_back({severity, std::string(code), std::move(message), std::move(hint), at,
                           static_cast<uint32_t>(std::max<size_t>(length, 1))});
  };
  if (model.mesh.trust_domain != settings_.trust_domain) {
    constexpr std::string_view kKey = "trust_domain";
    add(Diagnostic::error, md::other_trust_domain, position_of(text, kKey), kKey.size(),
        "the trust domain is '" + model.mesh.trust_domain +
            "', but the authority of this mesh was made for '" + settings_.trust_domain + "'",
        "write mesh.trust_domain: " + settings_.trust_domain);
  }
  std::vector<std::string_view> known;
  for (const auto& [name, node] : registry_.all()) known.push_back(name);
  for (const model::NodeRef& ref : model::nodes_named(model)) {
    if (registry_.find(ref.name) != nullptr) continue;
    std::string hint = model::did_you_mean(ref.name, known);
    add(Diagnostic::warning, md::unknown_node, ref.at, ref.name.size(),
        "no node '" + ref.name + "' has joined",
        hint.empty() ? "what is placed on it begins to work when it joins" : hint);
  }
  if (std::string large = too_large_object(to_objects(model, registry_.infos())); !large.empty())
    add(Diagnostic::error, md::object_too_large, {}, 1, large + " is too large to be sent to nodes",
        "at most " + std::to_string(kControlLineMax / 1024) + " KiB as JSON; split it");
  std::sort(diagnostics.begin(), diagnostics.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.at, a.code, a.message) < std::tie(b.at, b.code, b.message);
  });
}

// File and store: both, or as before.
Outcome<> Publisher::keep(const Change& change, Published& result) {
  std::optional<std::string> before;  // the file's text, where it has to be replaced
  if (!settings_.file.empty() && !change.leave_file) {
    auto now = read_file(settings_.file, kConfigBytesMax);
    if (!now && now.error().code != Errc::not_found && now.error().code != Errc::limit)
      return fail(std::move(now.error()));
    if (!now || *now != change.text) {
      // An edit that was never in force is nowhere else: it is not lost, but laid beside the file.
      bool edited = now && *now != text_;
      if (change.careful && (edited || !now))
        return fail(Errc::conflict,
                    settings_.file + (now ? " holds an edit that is not in force" : " is gone") +
                        "; `meshd check " + settings_.file + "` says what is wrong with it, `meshd apply " +
                        settings_.file + "` puts it in force. Nothing was changed");
      if (edited)
        log::warn("an unpublished edit of the file is replaced", {{"kept_as", settings_.file + ".prev"}});
      if (now) before = std::move(*now);
      if (auto ok = replace_config_file(settings_.file, change.text, edited); !ok) return ok;
    }
  }
  store::Appended appended;
  auto stored = store_.transact([&]() -> Outcome<> {
    auto made = store_.revisions().append({change.text, change.author, change.message, std::nullopt});
    if (!made) return fail(std::move(made.error()));
    appended = *made;
    if (!appended.created) return {};
    JsonObject detail;
    detail["revision"] = json(static_cast<int64_t>(appended.number.value));
    auto noted = store_.audit().append({change.author, "config.publish", to_text(Json(std::move(detail)))});
    if (!noted) return fail(std::move(noted.error()));
    if (change.with) return change.with(appended.number);
    return {};
  });
  if (!stored) {
    if (before) {
      if (auto back = replace_config_file(settings_.file, *before); !back)
        log::error("the file holds what is not in force", {{"error", back.error().what}});
    }
    return stored;
  }
  result.revision = appended.number;
  result.changed = appended.created;
  return {};
}

Outcome<> Publisher::load() {
  auto latest = store_.revisions().latest();
  if (!latest) return fail(std::move(latest.error()));
  if (!*latest) return {};
  revision_ = (*latest)->number;
  text_ = std::move((*latest)->text);
  model::ParsedConfig parsed = model::parse_config(text_, base_name(settings_.file));
  if (!parsed.model) {
    log::error(
        "the newest revision cannot be read by this version; nodes keep what they have",
        {{"revision", revision_.value},
         {"problem", parsed.diagnostics.empty() ? std::string() : parsed.diagnostics.front().message}});
    return {};
  }
  model_ = std::move(parsed.model);
  remake();
  return {};
}

void Publisher::remake() {
  if (!model_) return;
  if (complete) complete(*model_);
  ContentPtr next = make_content(*model_, registry_.infos(), revision_);
  if (content_ && next->sha256 == content_->sha256) return;
  content_ = std::move(next);
  if (on_content) on_content(content_);
}

Outcome<> replace_config_file(const std::string& path, std::string_view text, bool keep_previous) {
  std::error_code error;
  std::filesystem::path target = std::filesystem::weakly_canonical(path, error);
  std::string real = error ? path : target.string();
  struct stat st{};
  if (stat(real.c_str(), &st) != 0) return write_file(real, text, {.mode = 0640});
  WriteMode mode{.mode = st.st_mode & 0777, .keep_previous = keep_previous};
  // Only root can give a file away; for others it is ours anyway, or becomes so.
  if (geteuid() == 0 && (st.st_uid != 0 || st.st_gid != getegid()))
    mode.owner = FileOwner{st.st_uid, st.st_gid};
  return write_file(real, text, mode);
}

}  // namespace meshd
