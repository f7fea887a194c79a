// SPDX-License-Identifier: Apache-2.0
// h1_server.h: HTTP/1.0 and 1.1 on one connection, served by a Service (RFC 9112).
#pragma once
#include <memory>
#include <string_view>

#include "base/limits.h"
#include "http/h1_parser.h"
#include "http/message.h"
#include "http/server_group.h"
#include "net/byte_stream.h"

namespace meshd {

struct H1ServerOptions {
  std::string_view scheme = "http";  // what :scheme would say; a literal
  Chunk initial;                     // bytes that protocol detection has read already
  bool connect = false;              // serve CONNECT
  HeadLimits limits;
  milliseconds head_deadline = kHeadDeadline;  // first byte of a head to its end
  milliseconds idle = kKeepAliveIdle;          // between requests
  milliseconds body_stall = kBodyStall;        // no byte of a request's content, or of an answer taken
  milliseconds tunnel_idle = kTunnelIdle;      // no byte either way of a tunnel
};

// Serves until the connection ends. `service` and `group` must outlive the task.
//   Answers are in order; the next request is read when the answer before it has been handed down.
//   100 (Continue) is sent when the service first pulls the content.
//   The response's body is destroyed before its end where the client has gone.
//   A body that fails cuts the connection (reset), so that the client cannot take it for complete.
//   CONNECT and Upgrade: Request::body is there from the start and gives its first byte, or its end, once the
//   service has answered.
Task<void> serve_h1(std::unique_ptr<ByteStream> stream, Service& service, ServerGroup& group,
                    H1ServerOptions options);

}  // namespace meshd
