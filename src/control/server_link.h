// SPDX-License-Identifier: Apache-2.0
// server_link.h: calling the control port (protocol.h): a connection whose server has proven who it is, and JSON calls
// over it.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "http/h2_client.h"
#include "net/address.h"
#include "tls/context.h"
#include "tls/tls_stream.h"

namespace meshd {

struct ServerAddress {
  SocketAddress at;
  std::vector<SpiffeId> expected;  // who the server may be; empty: anyone the context accepts
};

// How long one call of the control plane may take before another try is better.
inline constexpr milliseconds kControlCallTimeout{5'000};

// Connects and shakes hands; nothing of ours is sent to a server that does not pass the check.
// Errors: refused, unreachable, timeout, identity (this is not our server), tls; each a sentence with the address.
Task<Outcome<std::unique_ptr<H2Client>>> dial_server(ServerAddress server,
                                                     std::shared_ptr<const TlsContext> tls);

// The head of a POST to the control port.
RequestHead control_request(std::string_view path, const SocketAddress& server);

// POST of one JSON value; gives the answer's. Errors: what the server answered ({"error"}), by its status: denied (403),
// conflict (409), invalid_argument (400), internal; or why it could not be asked.
Task<Outcome<Json>> post_json(H2Client& client, RequestHead head, Json body,
                              milliseconds limit = kControlCallTimeout);

// The sentence for a failed step towards `server`.
Detailed link_error(const SocketAddress& server, const Error& why);

}  // namespace meshd
