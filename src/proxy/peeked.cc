// SPDX-License-Identifier: Apache-2.0
#include "proxy/peeked.h"

namespace meshd {

Peeked::Peeked(std::unique_ptr<ByteStream> inner, void (*changed)(void* context), void* context)
    : state_(new State) {
  state_->inner = std::move(inner);
  state_->changed = changed;
  state_->context = context;
}

Peeked::~Peeked() {
  settle();
  // A read that is under way ends with this, and its task lets go.
  state_->inner->close({Errc::cancelled, Side::self, "the connection is not needed any more"});
}

void Peeked::peek() {
  if (state_->reading || state_->came) return;
  state_->reading = true;
  start(read_ahead(state_));
}

Task<void> Peeked::read_ahead(LocalPtr<State> s) {
  Result<Chunk> bytes = co_await s->inner->read();
  s->reading = false;
  if (s->reader.waiting()) {
    s->reader.complete(std::move(bytes));
    co_return;
  }
  s->came = std::move(bytes);
  if (s->changed != nullptr) s->changed(s->context);
}

Result<Chunk> Peeked::take() {
  Result<Chunk> bytes = std::move(*state_->came);
  state_->came.reset();
  return bytes;
}

Await<Result<Chunk>> Peeked::read() {
  if (state_->came) return take();
  if (state_->reading) return state_->reader;
  return state_->inner->read();
}

}  // namespace meshd
