// SPDX-License-Identifier: Apache-2.0
// semantics.h: what a message means (RFC 9110, 9112, 9113), the same behind both parsers. Pure functions.
//
// A parser hands over what it split, as received. What passes here is normalised in place, and exactly
// that is matched by routes and policy and forwarded. What does not pass is refused, never repaired by guess.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/fields.h"

namespace meshd {

// How the end of a message's content is found (RFC 9112 section 6.3; HTTP/2: by END_STREAM).
enum class BodyKind : uint8_t {
  none,       // no content
  length,     // Content-Length says how much
  chunked,    // HTTP/1.1 transfer coding
  until_end,  // until the connection (response, tunnel) or the stream (HTTP/2) ends
};

struct Framing {
  BodyKind body = BodyKind::none;
  uint64_t length = 0;  // with BodyKind::length; for an answer to HEAD and a 304: what would have been sent
  bool has_length = false;       // a Content-Length was there, whatever `body` is
  bool keep_alive = true;        // HTTP/1: the connection may be used again
  bool expect_continue = false;  // Expect: 100-continue
};

struct RequestRules {
  bool connect = false;  // CONNECT is served here; elsewhere it is an open relay and refused
};

// Checks and normalises a request head. Expected before: method, version, scheme; fields as received.
//   HTTP/1: path holds the request-target, authority is empty.
//   HTTP/2: path, authority, scheme, protocol hold the pseudo-header fields, empty where missing.
// After: as RequestHead says; `te: trailers` is the one hop-by-hop field that stays, normalised, because gRPC
// needs to see it. An HTTP/1 Upgrade (other than h2c) is kept aside in protocol().
// HTTP/2 framing: `length` where content-length was given (the caller compares it with the DATA), else until_end;
// the caller makes it none where HEADERS ended the stream.
// Errors (side client): protocol, target_too_long, head_too_large, unsupported_version, unsupported.
Result<> check_request(RequestHead& head, Framing& framing, RequestRules rules = {});

// Checks and normalises a response head, interim or final. `request` is the head it answers (its method, and its
// protocol for 101 and extended CONNECT). Where the answer makes a tunnel (makes_tunnel) the body is until_end.
// Errors (side upstream): protocol, head_too_large, unsupported_version, unsupported.
Result<> check_response(ResponseHead& head, Framing& framing, const RequestHead& request);

// Checks trailer fields and removes those that must not be there: framing, routing, authentication,
// hop-by-hop (RFC 9110 section 6.5.1). Errors: protocol, head_too_large.
Result<> check_trailers(Fields& trailers, Side side);

// 101, or 2xx to CONNECT: both bodies carry raw bytes from here on.
bool makes_tunnel(int status, const RequestHead& request);
// HEAD, 1xx, 204, 304: the answer carries no content whatever its fields say.
bool is_bodyless(int status, std::string_view method);
// GET, HEAD, OPTIONS, PUT, DELETE (RFC 9110 section 9.2.2; TRACE is not served).
bool is_idempotent(std::string_view method);

// ---- the parts, each tested alone

// "a.test", "a.test:80", "10.0.0.1:80", "[::1]:80": no userinfo, no percent, no empty label, port 0 to 65535.
struct HostPort {
  std::string_view host;  // an IPv6 literal without its brackets
  std::optional<uint16_t> port;
  bool is_ipv6 = false;
};
std::optional<HostPort> parse_authority(std::string_view text);

// Normalises the path part of an origin-form target, which begins with '/', and leaves the query as it is:
// slashes are merged, dot segments removed, unreserved characters decoded, %2f kept, hex digits in upper case.
// nullopt in `changed`: `target` is normal already. Errors: protocol (bad percent, %00, '\\', '#', controls,
// above the root, dot segments hidden behind encoded slashes).
struct NormalPath {
  std::optional<std::string> changed;
};
Result<NormalPath> normalise_path(std::string_view target);

// What the first node on the way adds for the application, where the client's own words do not say it already:
//   x-forwarded-for    the client's address behind those that are there: the last one is true, the others are hearsay
//   x-forwarded-proto  http or https, if absent
//   forwarded          an element of ours, only where the field is there (RFC 7239)
//   x-request-id       a version 4 UUID, if absent; else as it came
// All else, such as x-forwarded-host, passes as it came and decides nothing here.
struct Forwarding {
  std::string_view client_ip;
  uint64_t random_high = 0, random_low = 0;  // for the UUID
};
void add_forwarding(RequestHead& head, const Forwarding& f);

// Removes request fields only this mesh may set: x-meshd-*, x-envoy-*, l5d-*, x-forwarded-client-cert.
// Called where a request comes from outside the mesh.
void remove_mesh_fields(Fields& fields);

bool is_token(std::string_view text);              // RFC 9110 section 5.6.2, not empty
bool is_field_value(std::string_view text);        // no control characters but HTAB
std::string_view trim_ows(std::string_view text);  // without surrounding SP and HTAB
// Removes and returns the first member of a comma-separated list, trimmed; it may be empty.
// False when `list` is spent.
bool next_member(std::string_view& list, std::string_view& member);
// True if a field `name` lists `member`, compared without case.
bool lists(const Fields& fields, std::string_view name, std::string_view member);
std::string_view reason_phrase(int status);

}  // namespace meshd
