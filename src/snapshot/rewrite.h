// SPDX-License-Identifier: Apache-2.0
// rewrite.h: the path that a route makes of a request's; for rewrites and redirects.
#pragma once
#include <optional>
#include <span>
#include <string_view>

#include "snapshot/snapshot.h"

namespace meshd {

// `path` changed into `room`, or itself where nothing changes. nullopt: what came out is no path, or is longer than
// `room`. Allocates only for patterns.
std::optional<std::string_view> changed_path(const model::PathChange& change, const model::Regex& regex,
                                             std::string_view prefix, std::string_view path,
                                             std::span<char> room);

// As the route's rewrite says.
std::optional<std::string_view> rewritten_path(const Route& route, std::string_view path,
                                               std::span<char> room);

}  // namespace meshd
