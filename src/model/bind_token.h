// SPDX-License-Identifier: Apache-2.0
// bind_token.h: the file's `jwt`, and what rules and tests ask of tokens.
#pragma once
#include <vector>

#include "model/diagnostics.h"
#include "model/reader.h"
#include "model/token.h"

namespace meshd::model {

std::vector<Issuer> bind_issuers(const Reader& top, Findings& findings);
// The key `jwt` of a rule or a test; not wanted: it is not there.
TokenMatch bind_token_match(const Reader& of);

}  // namespace meshd::model
