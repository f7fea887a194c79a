// SPDX-License-Identifier: Apache-2.0
// serve_http.cc: stage 3 of 8, where the service speaks HTTP. HTTP/1 or HTTP/2?
// Reads the first bytes; hands them on with the stream.
#include "proxy/serve_http.h"

#include <algorithm>

#include "base/limits.h"
#include "http/h1_server.h"
#include "http/h2_service.h"
#include "http/semantics.h"
#include "loop/loop.h"

namespace meshd {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// A first line of three words whose last names another protocol than HTTP, as far as it has come. Whoever sent it would
// not understand an HTTP/1 answer: the connection ends without one (RFC 9113 section 3.4).
bool speaks_another_protocol(std::string_view bytes) {
  std::string_view line = bytes.substr(0, bytes.find("\r\n"));
  if (line.size() == bytes.size() || std::ranges::count(line, ' ') != 2) return false;
  std::string_view last = line.substr(line.rfind(' ') + 1);
  return !last.empty() && !same_name(last.substr(0, 4), "http");
}

// While the protocol is unknown the connection belongs to the group too, so that a drain finds it.
class Undecided final : public ServerConnection {
 public:
  Undecided(ServerGroup& group, ByteStream& stream) : ServerConnection(group), stream_(stream) {
    deadline_.start(kHeadDeadline);
  }
  ~Undecided() = default;
  void begin_drain() override { close({Errc::draining, Side::self, "shutting down"}); }
  void close(Error why) override { stream_.close(why); }
  bool idle() const override { return true; }
  void begun() { begun_ = true; }

 private:
  static void too_late(void* self) {
    auto& waiting = *static_cast<Undecided*>(self);
    Error why{waiting.begun_ ? Errc::slow_head : Errc::idle, Side::client, "no request came"};
    waiting.group().note_refused(why);
    waiting.close(why);
  }
  ByteStream& stream_;
  bool begun_ = false;
  Timer deadline_{&Undecided::too_late, this};
};

}  // namespace

Task<void> serve_http(std::unique_ptr<ByteStream> stream, Service& service, ServerGroup& group,
                      HttpOptions options, Chunk initial) {
  {
    Undecided waiting(group, *stream);
    // One byte mostly decides: only HTTP/2's preface and unusual methods begin with "P", "PR", "PRI".
    while (initial.empty() || (initial.size() < kPreface.size() && kPreface.starts_with(initial.view()))) {
      Result<Chunk> more = co_await stream->read();
      if (!more || more->empty()) {
        if (initial.empty()) co_return;  // came and went without a word
        break;
      }
      waiting.begun();
      if (initial.empty())
        initial = std::move(*more);
      else
        initial = Chunk::copy(std::string(initial.view()).append(more->view()));
    }
  }
  if (initial.view().starts_with(kPreface)) {
    H2ServerOptions h2;
    h2.h2 = options.h2;
    h2.h2.extended_connect = true;
    h2.initial = std::move(initial);
    co_await serve_h2(std::move(stream), service, group, std::move(h2));
    co_return;
  }
  if (speaks_another_protocol(initial.view())) {
    Error why{Errc::protocol, Side::client, "neither HTTP/1 nor HTTP/2"};
    group.note_refused(why);
    stream->close(why);
    co_return;
  }
  H1ServerOptions h1;
  h1.initial = std::move(initial);
  h1.limits = options.heads;
  h1.body_stall = options.body_stall;
  co_await serve_h1(std::move(stream), service, group, std::move(h1));
}

}  // namespace meshd
