// SPDX-License-Identifier: Apache-2.0
// detect.h: a connection whose protocol nobody declared (`protocol: detect`): who speaks first, and what?
//
// A client that speaks shows its protocol: HTTP is served as HTTP, everything else is passed on as bytes. A client
// that is silent may wait for the server to speak (MySQL, SMTP, SSH), so its upstream is opened after kDetectGrace,
// and what comes from there is passed on. Who spoke first is remembered per place, so that the next connection
// neither waits for nothing nor opens an upstream for nothing.
#pragma once
#include <memory>

#include "http/message.h"
#include "http/server_group.h"
#include "net/byte_stream.h"
#include "proxy/relay.h"
#include "proxy/serve_http.h"

namespace meshd {

enum class FirstSpeaker : uint8_t { unknown, client, server };

struct DetectOptions {
  FirstSpeaker& seen;  // read at the start, written when somebody has spoken
  HttpOptions http;    // of a client that speaks it
};

// Serves a connection to its end as what it turns out to be. Everything borrowed outlives the task.
Task<void> serve_detect(std::unique_ptr<ByteStream> client, Service& http, OpaqueSide& bytes,
                        ServerGroup& group, DetectOptions options);

}  // namespace meshd
