// SPDX-License-Identifier: Apache-2.0
// relay.cc: opaque bytes between client and upstream.
// The reader of each direction sets its pace: nothing is read before the other side took what came.
#include "proxy/relay.h"

#include "loop/loop.h"

namespace meshd {
namespace {

struct Relaying {
  ByteStream& client;
  ByteStream& upstream;
  milliseconds idle;
  RelayTotals totals{};
  Op<bool> upward_done{};
  Timer timer{
      [](void* self) {
        static_cast<Relaying*>(self)->end({Errc::idle, Side::self, "no byte either way for too long"});
      },
      this};

  void moved() {
    if (idle.count() > 0) timer.start(idle);
  }
  void end(Error why) {
    if (!totals.error) totals.error = why;
    Error reset{Errc::reset, why.side, why.why};
    client.close(reset);
    upstream.close(reset);
  }
};

Task<void> pump(Relaying& r, ByteStream& from, ByteStream& to, Side side, uint64_t& total) {
  for (;;) {
    Result<Chunk> chunk = co_await from.read();
    if (!chunk) {
      Error e = chunk.error();
      e.side = side;
      r.end(e);
      co_return;
    }
    r.moved();
    if (chunk->empty()) {
      (void)co_await to.finish();
      co_return;
    }
    total += chunk->size();
    Result<size_t> written = co_await to.write(std::move(*chunk));
    if (!written) {
      Error e = written.error();
      e.side = side == Side::client ? Side::upstream : Side::client;
      r.end(e);
      co_return;
    }
    r.moved();
  }
}

Task<void> pump_upward(Relaying& r) {
  co_await pump(r, r.client, r.upstream, Side::client, r.totals.from_client);
  r.upward_done.complete(true);
}

}  // namespace

Task<RelayTotals> relay(ByteStream& client, ByteStream& upstream, milliseconds idle) {
  Relaying r{client, upstream, idle};
  r.moved();
  spawn(pump_upward(r));
  co_await pump(r, upstream, client, Side::upstream, r.totals.to_client);
  co_await r.upward_done;
  co_return r.totals;
}

namespace {

// Bytes belong to the group too: they are closed when a drain ends.
class ClosableConnection final : public ServerConnection {
 public:
  ClosableConnection(ServerGroup& group, ByteStream& stream) : ServerConnection(group), stream_(stream) {}
  ~ClosableConnection() = default;
  void begin_drain() override {}
  void close(Error why) override { stream_.close(why); }
  bool idle() const override { return false; }
  size_t held() const override { return stream_.queued(); }

 private:
  ByteStream& stream_;
};

Error reset_for(Error why) { return {Errc::reset, why.side, why.why}; }

}  // namespace

Task<void> serve_opaque(ByteStream& client, std::unique_ptr<ByteStream> upstream, OpaqueSide& side,
                        ServerGroup& group, std::string first) {
  ClosableConnection member(group, client);
  if (!upstream) {
    auto opened = co_await side.open(first);
    if (!opened) {
      client.close(reset_for(opened.error()));
      co_return;
    }
    upstream = std::move(*opened);
  }
  if (!first.empty()) {
    auto written = co_await upstream->write(Chunk::copy(first));
    if (!written) {
      client.close(reset_for(written.error()));
      side.ended({.error = written.error()});
      co_return;
    }
  }
  RelayTotals totals = co_await relay(client, *upstream, side.idle());
  totals.from_client += first.size();
  side.ended(totals);
}

}  // namespace meshd
