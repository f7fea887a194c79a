// SPDX-License-Identifier: Apache-2.0
// actions.h: what a route does to its requests and responses besides choosing where they go.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace meshd::model {

// Shares are counted in thousandths of a percent: 1 % is 1000.
inline constexpr uint32_t kEverything = 100'000;

struct FieldChange {
  std::string name, value;
  friend bool operator==(const FieldChange&, const FieldChange&) = default;
};
// In this order: remove, set, add.
struct FieldChanges {
  std::vector<std::string> remove;
  std::vector<FieldChange> set;  // replace all of that name
  std::vector<FieldChange> add;
  bool empty() const { return remove.empty() && set.empty() && add.empty(); }
};

struct PathChange {
  enum Kind : uint8_t { none, full, prefix, regex } kind = none;
  std::string pattern;  // regex: every match of it
  std::string value;    // what stands in its place; regex: with \1 to \9
  SourcePos at;
};

struct Rewrite {
  SourcePos at;
  PathChange path;
  std::string host;  // empty: as it is
};

struct Redirect {
  SourcePos at;
  uint16_t status = 302;
  std::string scheme, host;  // empty: the request's
  uint16_t port = 0;         // 0: the request's, or none where the scheme or host changes
  PathChange path;
};

struct Respond {
  SourcePos at;
  uint16_t status = 200;
  std::string body, content_type;
};

// Cross-origin requests of browsers (Fetch standard, CORS protocol).
struct Cors {
  SourcePos at;
  std::vector<std::string> allow_origins;  // "https://shop.example.com", "https://*.example.com", "*"
  std::vector<std::string> allow_methods, allow_headers, expose_headers;
  bool allow_credentials = false;
  std::chrono::seconds max_age{0};
};

struct Fault {
  SourcePos at;
  std::chrono::milliseconds delay{0};
  uint32_t delay_share = 0;
  uint16_t abort_status = 0;
  uint32_t abort_share = 0;
};

struct Mirror {
  SourcePos at;
  std::string service;  // empty: the route's
  std::map<std::string, std::string> tags;
  uint32_t share = kEverything;
};

struct Actions {
  FieldChanges request, response;
  std::optional<Rewrite> rewrite;
  std::optional<Redirect> redirect;
  std::optional<Respond> respond;
  std::optional<Cors> cors;
  std::optional<Fault> fault;
  std::optional<Mirror> mirror;
  // Whether the route answers itself: nothing is sent anywhere.
  bool answers() const { return redirect || respond; }
};

// What makes the arm of a split the same for requests that belong together.
struct Sticky {
  enum Key : uint8_t { none, header, cookie, query, source } key = none;
  std::string name;  // of the header, cookie or parameter
  friend bool operator==(const Sticky&, const Sticky&) = default;
};

// Fields that a file may not touch: they carry the message itself, one hop, or what only the mesh may say.
bool is_reserved_field(std::string_view name);
// Printable, without spaces around it.
bool is_field_text(std::string_view value);

}  // namespace meshd::model
