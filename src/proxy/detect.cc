// SPDX-License-Identifier: Apache-2.0
// detect.cc: stage 3 of 8, where the service says `protocol: detect`. HTTP or bytes?
// Reads the client's first bytes, or the server's; hands them on with the stream.
#include "proxy/detect.h"

#include <string>

#include "base/limits.h"
#include "loop/loop.h"
#include "proxy/peeked.h"
#include "proxy/sniff.h"

namespace meshd {
namespace {

enum class Verdict : uint8_t { http, bytes, over };

// Waits for the first word of either side. While it lasts the connection is a member of the group.
class Contest final : public ServerConnection {
 public:
  Contest(ServerGroup& group, std::unique_ptr<ByteStream> stream, OpaqueSide& bytes, FirstSpeaker& seen)
      : ServerConnection(group),
        client(std::make_unique<Peeked>(std::move(stream), &Contest::changed, this)),
        bytes_(bytes),
        seen_(seen) {}
  ~Contest() = default;

  Task<Verdict> decide();

  void begin_drain() override {
    if (!upstream) close({Errc::draining, Side::self, "shutting down"});
  }
  void close(Error why) override {
    client->close(why);
    if (upstream) upstream->close(why);
  }
  bool idle() const override { return !upstream; }

  std::unique_ptr<Peeked> client;
  std::unique_ptr<Peeked> upstream;  // opened for a silent client
  std::string first;                 // the client's first bytes

 private:
  static void changed(void* self) {
    auto& c = *static_cast<Contest*>(self);
    if (c.changed_.waiting()) c.changed_.complete(true);
  }
  static void waited(void* self) {
    static_cast<Contest*>(self)->patience_over_ = true;
    changed(self);
  }
  bool somebody_spoke() const {
    return client->arrived() || (upstream ? upstream->arrived() : patience_over_);
  }
  Verdict spoken_by(FirstSpeaker who, Verdict verdict) {
    seen_ = who;
    return verdict;
  }
  // Nothing yet: the bytes decide nothing so far.
  std::optional<Verdict> hear_client();

  OpaqueSide& bytes_;
  FirstSpeaker& seen_;
  bool patience_over_ = false;
  Op<bool> changed_;
  Timer patience_{&Contest::waited, this};
};

std::optional<Verdict> Contest::hear_client() {
  Result<Chunk> more = client->take();
  if (!more) return Verdict::over;
  if (more->empty()) {
    // It may still listen; what it has said is passed on, and its end.
    client->put_back(std::move(more));
    return Verdict::bytes;
  }
  first.append(more->view());
  switch (sniff(first)) {
    case FirstBytes::undecided: break;
    case FirstBytes::http1:
    case FirstBytes::http2: return spoken_by(FirstSpeaker::client, Verdict::http);
    case FirstBytes::tls:
      // Routes may look at the server name: all of it is waited for, as for a request line.
      if (hello_complete(first)) return spoken_by(FirstSpeaker::client, Verdict::bytes);
      break;
    default: return spoken_by(FirstSpeaker::client, Verdict::bytes);
  }
  // Half a request line: it has the time of a head to become a whole one.
  if (first.size() == more->size()) {
    patience_over_ = false;
    patience_.start(kHeadDeadline);
  }
  client->peek();
  return std::nullopt;
}

Task<Verdict> Contest::decide() {
  client->peek();
  if (seen_ == FirstSpeaker::server)
    patience_over_ = true;
  else
    patience_.start(seen_ == FirstSpeaker::client ? kDetectPatience : kDetectGrace);
  for (;;) {
    while (!somebody_spoke()) co_await changed_;
    if (client->arrived()) {
      if (auto verdict = hear_client()) co_return *verdict;
      continue;
    }
    if (upstream) co_return spoken_by(FirstSpeaker::server, Verdict::bytes);
    if (!first.empty()) co_return Verdict::bytes;  // half a line and then silence
    auto opened = co_await bytes_.open({});
    if (!opened) {
      close({Errc::reset, opened.error().side, opened.error().why});
      co_return Verdict::over;
    }
    upstream = std::make_unique<Peeked>(std::move(*opened), &Contest::changed, this);
    upstream->peek();
  }
}

}  // namespace

Task<void> serve_detect(std::unique_ptr<ByteStream> stream, Service& http, OpaqueSide& bytes,
                        ServerGroup& group, DetectOptions options) {
  std::unique_ptr<Peeked> client, upstream;
  std::string first;
  Verdict verdict = Verdict::over;
  {
    Contest contest(group, std::move(stream), bytes, options.seen);
    if (group.draining()) contest.begin_drain();
    verdict = co_await contest.decide();
    client = std::move(contest.client);
    upstream = std::move(contest.upstream);
    first = std::move(contest.first);
    client->settle();
    if (upstream) upstream->settle();
  }
  if (verdict == Verdict::over) co_return;
  if (verdict == Verdict::http) {
    upstream.reset();
    bytes.dropped();
    co_await serve_http(std::move(client), http, group, options.http, Chunk::copy(first));
    co_return;
  }
  co_await serve_opaque(*client, std::move(upstream), bytes, group, first);
}

}  // namespace meshd
