// SPDX-License-Identifier: Apache-2.0
#include "http/message.h"

namespace meshd {
namespace {

class ReadyBody final : public Body {
 public:
  explicit ReadyBody(Chunk bytes) : bytes_(std::move(bytes)), length_(bytes_.size()) {}
  Await<Result<Chunk>> pull() override { return std::exchange(bytes_, Chunk()); }
  void close(Error) override { bytes_ = Chunk(); }
  std::optional<uint64_t> length() const override { return length_; }

 private:
  Chunk bytes_;
  uint64_t length_;
};

}  // namespace

std::unique_ptr<Body> make_body(Chunk bytes) { return std::make_unique<ReadyBody>(std::move(bytes)); }

Task<Result<std::string>> read_all(Body& body, size_t max) {
  std::string all;
  for (;;) {
    Result<Chunk> chunk = co_await body.pull();
    if (!chunk) co_return fail(chunk.error());
    if (chunk->empty()) co_return all;
    if (all.size() + chunk->size() > max) {
      Error too_large{Errc::body_too_large, Side::client, "body is too large"};
      body.close(too_large);
      co_return fail(too_large);
    }
    all.append(chunk->view());
  }
}

int status_for(const Error& e) {
  switch (e.code) {
    case Errc::denied:
    case Errc::permission: return e.side == Side::upstream ? 502 : 403;
    case Errc::identity: return e.side == Side::client ? 403 : e.side == Side::upstream ? 502 : 503;
    case Errc::unauthenticated: return e.side == Side::self ? 503 : 401;
    case Errc::not_found:
    case Errc::no_route: return 404;
    case Errc::conflict: return 409;
    case Errc::target_too_long: return 414;
    case Errc::head_too_large: return e.side == Side::upstream ? 502 : 431;
    case Errc::rate_limited: return 429;
    case Errc::body_too_large: return e.side == Side::upstream ? 502 : 413;
    case Errc::unsupported_version: return e.side == Side::upstream ? 502 : 505;
    case Errc::unsupported: return e.side == Side::upstream ? 502 : 501;
    case Errc::invalid_argument:
    case Errc::protocol: return e.side == Side::upstream ? 502 : 400;
    case Errc::slow_head:
    case Errc::stalled:
    case Errc::idle:
    case Errc::timeout: return e.side == Side::client ? 408 : 504;
    case Errc::no_endpoint:
    case Errc::overload:
    case Errc::draining:
    case Errc::limit:
    case Errc::flood:
    case Errc::refused:
    case Errc::unreachable:
    case Errc::resolve:
    case Errc::exhausted: return 503;
    case Errc::closed:
    case Errc::reset:
    case Errc::tls: return e.side == Side::client ? 400 : 502;
    default: return 500;
  }
}

Response make_text_response(int status, std::string_view content_type, std::string_view text) {
  Response r;
  r.head.status = static_cast<uint16_t>(status);
  if (!content_type.empty()) r.head.add("content-type", content_type);
  r.body = make_body(Chunk::copy(text));
  return r;
}

Response make_error_response(const Error& e, std::string_view detail) {
  std::string reason(name_of(e.code));
  if (!detail.empty()) reason.append("; ").append(detail);
  std::string text = "meshd: " + std::string(e.why) + " (" + reason + ")\n";
  Response r = make_text_response(status_for(e), "text/plain; charset=utf-8", text);
  r.head.add("x-meshd-error", reason);
  return r;
}

}  // namespace meshd
