// SPDX-License-Identifier: Apache-2.0
// h2_service.h: serves HTTP/2 requests of one connection by a Service.
#pragma once
#include <memory>
#include <string_view>

#include "http/h2_options.h"
#include "http/message.h"
#include "http/server_group.h"
#include "net/byte_stream.h"

namespace meshd {

struct H2ServerOptions {
  H2Options h2 = H2Options::edge();
  std::string_view scheme = "http";  // what the transport really is, a literal; :scheme only claims it
  Chunk initial;                     // bytes that protocol detection has read already
  bool connect = false;              // serve CONNECT
};

// Serves until the connection is over. It joins `group`, through which it is drained or closed; `service`
// and `group` outlive it. An error of the service becomes make_error_response; an error of a response body
// resets the stream. When the client resets a stream its request's cancellation fires.
Task<void> serve_h2(std::unique_ptr<ByteStream> stream, Service& service, ServerGroup& group,
                    H2ServerOptions options);

}  // namespace meshd
