// SPDX-License-Identifier: Apache-2.0
// h2_websocket.h: WebSocket from one HTTP version to the other: HTTP/1's Upgrade (RFC 6455), which proves itself with a
// key, and HTTP/2's extended CONNECT (RFC 8441), which needs none.
//
// Between server and client it is always the Upgrade: GET, protocol() "websocket", a key. So routes and policy see
// one form, and the two ends that speak HTTP/2 translate.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/fields.h"

namespace meshd {

// sec-websocket-accept for a key (RFC 6455 section 4.2.2).
std::string websocket_accept(std::string_view key);

// A request for extended CONNECT that passed check_request.
bool is_extended_connect(const RequestHead& head);
// An Upgrade to WebSocket that passed check_request.
bool is_websocket_upgrade(const RequestHead& head);

// ---- the server's end: extended CONNECT came
// Makes it the Upgrade it stands for, with a fresh key. Errors (side client): unsupported, where it is for another
// protocol.
Result<> connect_to_upgrade(RequestHead& head);
// Makes the answer to that Upgrade the answer to CONNECT: 101 becomes 200, refusals stay. Errors (side upstream):
// protocol, where the key was not accepted, or a 2xx would look like a tunnel that nobody opened.
Result<> upgrade_answer_to_connect(ResponseHead& answer, const RequestHead& upgrade);

// ---- the client's end: an Upgrade is to be sent
// The CONNECT that stands for it. Errors (side client): protocol, where it has no proper key.
Result<std::unique_ptr<RequestHead>> upgrade_to_connect(const RequestHead& upgrade);
// Makes the answer to that CONNECT the answer to the Upgrade: 2xx becomes 101 with the proof, refusals stay.
void connect_answer_to_upgrade(ResponseHead& answer, const RequestHead& upgrade);

}  // namespace meshd
