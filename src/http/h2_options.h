// SPDX-License-Identifier: Apache-2.0
// h2_options.h: what one HTTP/2 connection offers its peer and what it puts up with.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/limits.h"

namespace meshd {

// How often a peer may make us work for nothing before the answer is GOAWAY(ENHANCE_YOUR_CALM): `burst` at
// once and `per_second` from then on.
struct H2Allowance {
  uint32_t burst;
  uint32_t per_second;
};

struct H2Options {
  uint32_t stream_window = kEdgeStreamWindow;          // bytes a stream may be ahead of its reader
  uint32_t connection_window = kEdgeConnectionWindow;  // bytes in flight over all streams
  uint32_t streams_max = kH2StreamsMax;                // streams the peer may have open
  size_t head_bytes_max = kHeadBytesMax;               // 431 above, or a broken response
  size_t head_fields_max = kHeadFieldsMax + 5;         // with pseudo-header fields
  uint32_t header_table = 4096;                        // bytes of HPACK memory for what we receive and send
  size_t stream_outbox = 64 * 1024;                    // bytes one stream queues before its writer waits
  bool extended_connect = false;                       // offer RFC 8441 (WebSocket)

  milliseconds head_timeout =
      kHeadDeadline;           // of a server: the peer's preface, and each head, from begin to end
  milliseconds ping_after{0};  // silence after which the peer must show that it lives; 0: never asked
  milliseconds ping_timeout{5'000};
  milliseconds idle_timeout{0};  // without a stream for so long: drain; 0: never
  milliseconds stall_timeout =
      kBodyStall;  // a stream whose peer takes nothing of what waits is reset; 0: never

  H2Allowance resets{500, 50};    // RST_STREAM received (CVE-2023-44487)
  H2Allowance faults{100, 10};    // streams that we are made to reset (CVE-2025-8671)
  H2Allowance noise{1'000, 100};  // PING, SETTINGS, unknown and empty frames, WINDOW_UPDATE beyond need

  // For listeners that anybody reaches.
  static H2Options edge() {
    H2Options o;
    o.idle_timeout = kKeepAliveIdle;
    return o;
  }
  // To a program, and inside a tunnel: no PINGs, which gRPC servers take for an attack.
  static H2Options upstream() {
    H2Options o = mesh();
    o.ping_after = milliseconds(0);
    o.idle_timeout = kUpstreamIdle;
    return o;
  }
  // Between nodes: many streams, large windows, half-open peers are found soon.
  static H2Options mesh() {
    H2Options o;
    o.head_bytes_max += kHopBytes;
    o.head_fields_max += kHopFields;
    o.stream_window = kMeshStreamWindow;
    o.connection_window = kMeshConnectionWindow;
    o.streams_max = kMeshStreamsMax;
    o.stream_outbox = 256 * 1024;
    o.ping_after = milliseconds(10'000);
    // A node that gives up a tunnel with each request is no attacker; measured: 3,000 a second at 512 requests at once.
    o.resets = {50'000, 20'000};
    o.faults = {1'000, 100};
    return o;
  }
};

}  // namespace meshd
