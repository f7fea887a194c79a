// SPDX-License-Identifier: Apache-2.0
// bind_actions.h: what a route does besides choosing where requests go, as values.
#pragma once
#include "model/actions.h"
#include "model/diagnostics.h"
#include "model/match.h"
#include "model/reader.h"

namespace meshd::model {

// `route` is the whole item; `match` its match, which a change of the path's prefix refers to.
Actions bind_actions(const Reader& route, const Match& match, Findings& findings);
Sticky bind_sticky(const Reader& route, Findings& findings);

}  // namespace meshd::model
