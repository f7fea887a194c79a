// SPDX-License-Identifier: Apache-2.0
#include "snapshot/rewrite.h"

#include <algorithm>

#include "model/scalars.h"

namespace meshd {
namespace {

std::optional<std::string_view> put(std::string_view a, std::string_view b, std::span<char> room) {
  if (a.size() + b.size() > room.size()) return std::nullopt;
  auto end = std::ranges::copy(a, room.begin()).out;
  std::ranges::copy(b, end);
  return std::string_view(room.data(), a.size() + b.size());
}

std::string_view without_final_slash(std::string_view text) {
  if (text.ends_with('/')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<std::string_view> changed_path(const model::PathChange& change, const model::Regex& regex,
                                             std::string_view prefix, std::string_view path,
                                             std::span<char> room) {
  // "*", the target of OPTIONS, has no parts.
  if (!path.starts_with('/')) return path;
  switch (change.kind) {
    case model::PathChange::none: return path;
    case model::PathChange::full: return put(change.value, {}, room);
    case model::PathChange::prefix: {
      // "/a" of "/a/b" by "/c/": "/c/b"; of "/a" itself "/c/".
      std::string_view rest = path.substr(without_final_slash(prefix).size());
      return rest.empty() ? put(change.value, {}, room) : put(without_final_slash(change.value), rest, room);
    }
    case model::PathChange::regex: {
      std::string out;
      if (!regex.substitute(path, change.value, room.size(), out))
        return out.size() > room.size() ? std::nullopt : std::optional(path);
      // What a pattern puts together need not be a path in the one spelling that is matched and forwarded.
      if (!model::is_path(out)) return std::nullopt;
      return put(out, {}, room);
    }
  }
  return std::nullopt;
}

std::optional<std::string_view> rewritten_path(const Route& route, std::string_view path,
                                               std::span<char> room) {
  if (route.actions == nullptr || !route.actions->rewrite) return path;
  return changed_path(route.actions->rewrite->path, route.path_regex, route.match.path, path, room);
}

}  // namespace meshd
