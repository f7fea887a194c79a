// SPDX-License-Identifier: Apache-2.0
// grpc.h: what a proxy knows of gRPC over HTTP/2 (grpc/grpc doc/PROTOCOL-HTTP2.md): which requests are calls, how long
// they may take, and how an answer of ours looks to such a client.
#pragma once
#include <optional>
#include <string_view>

#include "base/limits.h"
#include "http/message.h"

namespace meshd {

// POST with content-type application/grpc, also +proto and the like; not gRPC-Web.
bool is_grpc(const RequestHead& head);

// The caller's deadline from `grpc-timeout`: 1 to 8 digits and a unit (H M S m u n), rounded up to a millisecond.
// nullopt: none, or not in that form.
std::optional<milliseconds> grpc_timeout(const RequestHead& head);

// gRPC's status code of an answer that meshd itself makes: 14 (unavailable), 7 (permission denied), 8 (resource
// exhausted), 4 (deadline exceeded), 12 (unimplemented), 13 (internal).
int grpc_status_for(const Error& e);

// An error answer in the form its client understands: for gRPC "trailers only" (status 200, grpc-status,
// grpc-message), else as make_error_response.
Response make_refusal(const RequestHead& request, const Error& e, std::string_view detail = {});

}  // namespace meshd
