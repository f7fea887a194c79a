// SPDX-License-Identifier: Apache-2.0
#include "http/h2_pool.h"

#include "http/h2_client.h"
#include "loop/loop.h"

namespace meshd {
namespace {

// One connection of the pool. Deletes itself when the connection has closed.
struct Member final : H2ClientObserver {
  Member(LocalPtr<H2Pool::Shared> s, std::unique_ptr<ByteStream> stream);
  ~Member();
  void h2_changed(H2Client& changed) override {
    if (!changed.closed()) return;
    LocalPtr<H2Pool::Shared> hold = shared;
    delete this;
  }

  LocalPtr<H2Pool::Shared> shared;
  Member* next = nullptr;
  Member** prev = nullptr;
  H2Client client;
};

}  // namespace

// Lives until the pool, its last call and its last connection have gone.
struct H2Pool::Shared : LocalCounted {
  Shared(std::unique_ptr<Connector> c, const H2Options& o) : connector(std::move(c)), options(o) {}

  std::unique_ptr<Connector> connector;
  H2Options options;
  Member* first = nullptr;
  size_t size = 0;
  bool connecting = false;
  bool abandoned = false;  // the pool has gone: nothing is kept
  std::vector<Op<Result<>>*> waiters;

  Member* spare() const {
    for (Member* m = first; m != nullptr; m = m->next)
      if (m->client.available() > 0) return m;
    return nullptr;
  }
  static Task<Result<>> connect(LocalPtr<Shared> self);
  static Task<Result<Response>> call(LocalPtr<Shared> self, Request& request);
};

namespace {

Member::Member(LocalPtr<H2Pool::Shared> s, std::unique_ptr<ByteStream> stream)
    : shared(std::move(s)), client(std::move(stream), shared->options) {
  next = shared->first;
  prev = &shared->first;
  if (next != nullptr) next->prev = &next;
  shared->first = this;
  ++shared->size;
  client.observe(this);
}

Member::~Member() {
  *prev = next;
  if (next != nullptr) next->prev = prev;
  --shared->size;
}

}  // namespace

// One connects, the others wait for it.
Task<Result<>> H2Pool::Shared::connect(LocalPtr<Shared> self) {
  if (self->connecting) {
    Op<Result<>> done;
    self->waiters.push_back(&done);
    co_return co_await done;
  }
  if (self->size >= kH2ConnectionsMax)
    co_return fail(Errc::overload, Side::upstream, "all streams to the upstream are in use");
  self->connecting = true;
  auto stream = co_await self->connector->connect();
  self->connecting = false;
  Result<> result;
  if (!stream)
    result = fail(stream.error());
  else {
    auto* member = new Member(self, std::move(*stream));
    if (self->abandoned) member->client.drain();
  }
  for (Op<Result<>>* waiter : std::exchange(self->waiters, {})) waiter->complete(result);
  co_return result;
}

Task<Result<Response>> H2Pool::Shared::call(LocalPtr<Shared> self, Request& request) {
  // A connection may fill up or go away between finding and using it: look again, but not for ever.
  constexpr int kTries = 4;
  const bool had_content = request.body != nullptr;
  Error last{Errc::refused, Side::upstream, "no stream to the upstream"};
  for (int i = 0; i < kTries; ++i) {
    Member* member = self->spare();
    if (member == nullptr) {
      auto connected = co_await connect(self);
      if (!connected) co_return fail(connected.error());
      member = self->spare();
      if (member == nullptr) continue;
    }
    // The member may go any time from here: nothing of it is touched after the call.
    auto answered = co_await std::exchange(member, nullptr)->client.call(request);
    if (answered || answered.error().code != Errc::refused) co_return answered;
    bool cancelled = request.cancellation != nullptr && request.cancellation->fired();
    bool untouched = !had_content || request.body != nullptr;
    if (cancelled || !untouched) co_return answered;
    last = answered.error();
  }
  co_return fail(last);
}

H2Pool::H2Pool(std::unique_ptr<Connector> connector, const H2Options& options)
    : shared_(new Shared(std::move(connector), options)) {}

H2Pool::~H2Pool() {
  shared_->abandoned = true;
  for (Member *m = shared_->first, *next = nullptr; m != nullptr; m = next) {
    next = m->next;
    m->client.drain();
  }
}

Task<Result<Response>> H2Pool::call(Request& request) { return Shared::call(shared_, request); }

size_t H2Pool::connections() const { return shared_->size; }

}  // namespace meshd
