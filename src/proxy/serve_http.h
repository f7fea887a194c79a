// SPDX-License-Identifier: Apache-2.0
// serve_http.h: HTTP of either version on one connection.
#pragma once
#include <memory>

#include "http/h1_parser.h"
#include "http/h2_options.h"
#include "http/message.h"
#include "http/server_group.h"
#include "net/byte_stream.h"

namespace meshd {

// What a hop offers and puts up with, in either version.
struct HttpOptions {
  HeadLimits heads;
  H2Options h2;
  milliseconds body_stall = kBodyStall;  // HTTP/1
  // For listeners that programs reach.
  static HttpOptions edge() { return {HeadLimits(), H2Options::edge()}; }
  // Within tunnels: room for what the first node added, and patience, so that it is the one to notice a client that
  // stalls.
  static HttpOptions mesh() {
    return {HeadLimits::mesh(), H2Options::upstream(), kBodyStall + milliseconds(5'000)};
  }
};

// Serves HTTP/2 where the connection begins with its preface (RFC 9113 section 3.4), else HTTP/1.
// `initial`: bytes read already. `service` and `group` outlive the task. A connection that says too little for too
// long ends, and the group is told.
Task<void> serve_http(std::unique_ptr<ByteStream> stream, Service& service, ServerGroup& group,
                      HttpOptions options, Chunk initial = Chunk());

}  // namespace meshd
