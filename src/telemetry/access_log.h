// SPDX-License-Identifier: Apache-2.0
// access_log.h: one line of JSON per request or TCP connection, and which of them are written.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "telemetry/access_filter.h"
#include "telemetry/direction.h"

namespace meshd {

struct LoggedField {
  std::string name;
  std::optional<std::string> value;  // nothing: the request had none
};

// Everything by value: the record is made on a data loop and formatted on another thread.
// Empty texts and unknown numbers are left out of the line.
struct AccessRecord {
  int64_t time_ms = 0;  // when the request began, milliseconds since 1970
  Direction direction = Direction::inbound;
  std::string node;      // that writes this
  std::string source;    // SPIFFE ID of the caller
  std::string service;   // destination
  std::string endpoint;  // "ip:port" that served it
  std::string method;    // empty: opaque TCP
  std::string path;      // as sent on, with query
  std::string host;
  int status = 0;     // 0: no response head was sent
  std::string error;  // x-meshd-error's reason; empty: none of our own
  SourcePos rule;     // of the policy rule that decided, in the file
  std::string audit;  // what a rule in mode audit would have done: "deny by no-debug at 53:7"; empty: none
  uint64_t duration_us = 0;
  uint64_t bytes_in = 0;   // from the client
  uint64_t bytes_out = 0;  // to the client
  std::string request_id;
  std::string route;
  // What a decision looked at and the rest of the line does not say (control/replay.h).
  std::string asked_path;  // with query, as it came; empty: as `path`
  std::string asked_host;  // empty: as `host`
  bool grpc = false;
  std::vector<LoggedField> fields;  // of the request, as telemetry.access_log.headers names them
  Revision revision;                // of the snapshot that decided
};

// The record as one line of JSON with its newline. Keys stand in a fixed order. Bytes that are not UTF-8 become U+FFFD,
// so a foreign string can break neither the line nor its reader.
std::string to_json_line(const AccessRecord& record);

inline AccessFacts facts_of(const AccessRecord& r) {
  return {r.status, r.duration_us, r.method, r.path, r.service};
}

}  // namespace meshd
