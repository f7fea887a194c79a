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
// What `word` (sticky, key) below `parent` looks at in a request: one of header, cookie, query, source. None where it is
// missing.
Sticky bind_request_key(const Reader& parent, const std::string& word, Findings& findings);

}  // namespace meshd::model
