// SPDX-License-Identifier: Apache-2.0
// bind_authorizer.h: policy.authorizer.
#pragma once
#include <optional>

#include "model/diagnostics.h"
#include "model/reader.h"

namespace meshd::model {

std::optional<Authorizer> bind_authorizer(const Reader& policy, Findings& findings);
// http://IP:PORT/PATH into its parts; false: it is something else.
bool read_authorizer_url(Authorizer& out);

}  // namespace meshd::model
