// SPDX-License-Identifier: Apache-2.0
// grpc_health.h: the gRPC health checking protocol, version 1 (grpc/grpc doc/health-checking.md), as who asks.
//
// grpc.health.v1.Health/Check over HTTP/2 without TLS. Its two messages have one field each, so that they are written and
// read here, bounded and strict.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "loop/task.h"
#include "net/byte_stream.h"

namespace meshd {

struct GrpcHealthQuestion {
  std::string authority;
  std::string service;  // empty: the server as a whole
  milliseconds limit{0};
};

// Empty: SERVING. Else why not: what the program says ("grpc NOT_SERVING"), with what status it refuses ("grpc
// UNIMPLEMENTED: …"), or what went wrong ("timeout", "http 404").
Task<std::string> ask_grpc_health(std::unique_ptr<ByteStream> stream, GrpcHealthQuestion question);

// ---- the messages, each with gRPC's prefix of five bytes (PROTOCOL-HTTP2.md, Length-Prefixed-Message)

// HealthCheckRequest { string service = 1 }
std::string grpc_health_request(std::string_view service);
// The status of HealthCheckResponse { ServingStatus status = 1 }; fields of other numbers are skipped, none is 0
// (UNKNOWN). nullopt: not exactly one whole, uncompressed message.
std::optional<uint64_t> grpc_health_status(std::string_view content);

// "NOT_FOUND" for 5; "status 99" for what gRPC has no name for.
std::string grpc_status_name(std::string_view code);

inline constexpr size_t kGrpcHealthAnswerMax = 1024;  // bytes; the message has two

}  // namespace meshd
