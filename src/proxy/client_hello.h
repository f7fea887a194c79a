// SPDX-License-Identifier: Apache-2.0
// client_hello.h: stage 3 of 8 for opaque services whose routes look at the server name: it comes before the decision.
#pragma once
#include <memory>

#include "proxy/relay.h"

namespace meshd {

// As serve_opaque, but the side is opened with the client's first bytes: its whole ClientHello, where it speaks TLS and
// speaks first. A client that is silent for kDetectPatience is served without.
Task<void> serve_hello(std::unique_ptr<ByteStream> client, OpaqueSide& side, ServerGroup& group);

}  // namespace meshd
