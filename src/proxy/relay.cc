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
        static_cast<Relaying*>(self)->end({Errc::timeout, Side::self, "no byte either way for too long"});
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
  co_return std::move(r.totals);
}

}  // namespace meshd
