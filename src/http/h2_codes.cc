// SPDX-License-Identifier: Apache-2.0
// h2_codes.cc: our errors as HTTP/2 error codes and back (RFC 9113 section 7).
#include <nghttp2/nghttp2.h>

#include "http/h2_stream.h"

namespace meshd {

uint32_t h2_code(const Error& why, bool connect) {
  switch (why.code) {
    case Errc::ok: return NGHTTP2_NO_ERROR;
    case Errc::protocol:
    case Errc::head_too_large:
    case Errc::invalid_argument: return NGHTTP2_PROTOCOL_ERROR;
    // Only before anything was done with the stream: the peer may send the request again.
    case Errc::refused:
    case Errc::overload:
    case Errc::draining: return NGHTTP2_REFUSED_STREAM;
    case Errc::flood:
    case Errc::limit: return NGHTTP2_ENHANCE_YOUR_CALM;
    case Errc::internal:
    case Errc::exhausted: return NGHTTP2_INTERNAL_ERROR;
    // Within a tunnel: the connection behind it was cut (section 8.5).
    case Errc::reset:
    case Errc::closed:
    case Errc::unreachable:
    case Errc::io:
    case Errc::tls:
      if (connect) return NGHTTP2_CONNECT_ERROR;
      return why.side == Side::client ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR;
    default: return NGHTTP2_CANCEL;
  }
}

Error h2_error(uint32_t code, Side side) {
  switch (code) {
    case NGHTTP2_NO_ERROR: return {Errc::closed, side, "the peer wants no more of this stream"};
    case NGHTTP2_PROTOCOL_ERROR: return {Errc::reset, side, "stream reset: PROTOCOL_ERROR"};
    case NGHTTP2_INTERNAL_ERROR: return {Errc::reset, side, "stream reset: INTERNAL_ERROR"};
    case NGHTTP2_FLOW_CONTROL_ERROR: return {Errc::reset, side, "stream reset: FLOW_CONTROL_ERROR"};
    case NGHTTP2_STREAM_CLOSED: return {Errc::reset, side, "stream reset: STREAM_CLOSED"};
    case NGHTTP2_REFUSED_STREAM:
      return {Errc::refused, side, "the peer did not process the stream (REFUSED_STREAM)"};
    case NGHTTP2_CANCEL: return {Errc::reset, side, "stream reset: CANCEL"};
    case NGHTTP2_CONNECT_ERROR: return {Errc::reset, side, "stream reset: CONNECT_ERROR"};
    case NGHTTP2_ENHANCE_YOUR_CALM: return {Errc::reset, side, "stream reset: ENHANCE_YOUR_CALM"};
    case NGHTTP2_HTTP_1_1_REQUIRED: return {Errc::unsupported_version, side, "the peer requires HTTP/1.1"};
    default: return {Errc::reset, side, "stream reset"};
  }
}

}  // namespace meshd
