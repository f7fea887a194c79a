// SPDX-License-Identifier: Apache-2.0
// ids.h: ids are types, so that one cannot be passed for another.
#pragma once
#include <compare>
#include <cstdint>
#include <functional>

namespace meshd {

// Names an endpoint for as long as its (service, node, address, port) stays the same, across snapshots.
struct EndpointId {
  uint64_t value = 0;
  friend auto operator<=>(EndpointId, EndpointId) = default;
};

// Counts published configurations; 0 is none.
struct Revision {
  uint64_t value = 0;
  friend auto operator<=>(Revision, Revision) = default;
};

// A position in the YAML file, both from 1; 0 is unknown.
struct SourcePos {
  uint32_t line = 0;
  uint32_t column = 0;
  friend auto operator<=>(SourcePos, SourcePos) = default;
};

}  // namespace meshd

template <>
struct std::hash<meshd::EndpointId> {
  size_t operator()(meshd::EndpointId id) const noexcept { return std::hash<uint64_t>()(id.value); }
};
