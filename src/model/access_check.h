// SPDX-License-Identifier: Apache-2.0
// access_check.h: is telemetry.access_log.only an expression that telemetry/access_filter.h reads? The grammar stands there.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace meshd::model {

struct FilterFault {
  size_t offset = 0;  // in bytes
  std::string what;
};
// Nothing: it is one, or empty.
std::optional<FilterFault> check_access_filter(std::string_view text);

}  // namespace meshd::model
