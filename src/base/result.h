// SPDX-License-Identifier: Apache-2.0
// result.h: errors are values. Every fallible function of the house returns Result<T>.
#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace meshd {

// Why something failed. The names are stable: they appear as reasons in metrics, the access log
// and the `x-meshd-error` header (see name_of), so rename none of them lightly.
enum class Errc : uint8_t {
  ok = 0,
  internal,          // our own mistake
  invalid_argument,  // a caller or operator gave something malformed
  not_found,
  conflict,     // exists already, or changed meanwhile
  permission,   // the file system or kernel refuses
  io,           // disk or kernel error
  closed,       // the stream was closed in an orderly way by the other end
  reset,        // the stream was cut
  refused,      // connect refused
  unreachable,  // no route, no address
  timeout,
  slow_head,            // 408: a head did not come in time
  stalled,              // content stood still for too long, either way
  idle,                 // nothing happened for too long
  flood,                // HTTP/2: too much work for nothing; GOAWAY(ENHANCE_YOUR_CALM)
  cancelled,            // we gave up on purpose
  limit,                // one of limits.h was hit
  protocol,             // the peer broke HTTP or TLS framing
  head_too_large,       // 431
  target_too_long,      // 414
  body_too_large,       // 413
  unsupported_version,  // 505
  unsupported,          // 501: method, transfer-coding, expectation
  tls,                  // handshake or record failure
  identity,             // the peer's certificate is not who we expect
  denied,               // policy
  unauthenticated,      // 401: a token is asked for, or the one shown is not good
  no_route,
  no_endpoint,   // no healthy endpoint
  overload,      // shed
  rate_limited,  // 429
  draining,
  resolve,    // DNS
  exhausted,  // descriptors, memory
};

// Which side is to blame: meshd, the client side of the exchange, or the upstream side.
enum class Side : uint8_t { self, client, upstream };

// A failure: code, side and a constant English cause. `why` must be a literal or outlive everything:
// it is never freed. Where a cause needs run-time facts use Detailed.
struct Error {
  Errc code = Errc::internal;
  Side side = Side::self;
  const char* why = "";
};

// A failure with run-time text, for control work (files, commands, APIs), never on the request path.
struct Detailed {
  Errc code = Errc::internal;
  std::string what;  // one sentence: what, where, what to do
};

template <class T = void>
using Result = std::expected<T, Error>;

// Result of control work: the error is a sentence for a person.
template <class T = void>
using Outcome = std::expected<T, Detailed>;

[[nodiscard]] inline std::unexpected<Error> fail(Errc code, Side side, const char* why) {
  return std::unexpected(Error{code, side, why});
}
[[nodiscard]] inline std::unexpected<Error> fail(Error e) { return std::unexpected(e); }
[[nodiscard]] inline std::unexpected<Detailed> fail(Errc code, std::string what) {
  return std::unexpected(Detailed{code, std::move(what)});
}
[[nodiscard]] inline std::unexpected<Detailed> fail(Detailed e) { return std::unexpected(std::move(e)); }

// The stable reason name of a code: "no-endpoint", "timeout", …
std::string_view name_of(Errc code);
std::string_view name_of(Side side);

}  // namespace meshd
