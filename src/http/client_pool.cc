// SPDX-License-Identifier: Apache-2.0
#include "http/client_pool.h"

#include "http/semantics.h"
#include "loop/loop.h"

namespace meshd {
namespace {

struct Entry;

// Entries in the order they came, newest first.
struct EntryList {
  Entry* first = nullptr;
  size_t size = 0;
  void add(Entry& e);
  void remove(Entry& e);
};

}  // namespace

// Lives until the pool, its last call and its last connection have gone.
struct ClientPool::Shared : LocalCounted {
  Shared(std::unique_ptr<Connector> c, Options o) : connector(std::move(c)), options(o) {}

  std::unique_ptr<Connector> connector;
  Options options;
  EntryList idle, active;
  size_t connecting = 0;
  uint64_t closings = 0;  // close_all calls: a connect that began before one must not be used after it
  Error close_reason;
  bool abandoned = false;  // the pool has gone: nothing is kept

  Entry* take_idle();
  Task<Result<Entry*>> connect();
  static Task<Result<Response>> call(LocalPtr<Shared> self, Request& request, CallFacts* facts);
};

namespace {

// One connection of the pool. Deletes itself when the connection has gone.
struct Entry final : H1ClientOwner {
  Entry(LocalPtr<ClientPool::Shared> s, std::unique_ptr<ByteStream> stream)
      : shared(std::move(s)), client(std::move(stream), shared->options.body_stall, shared->options.limits) {
    client.set_owner(this);
    shared->active.add(*this);
  }
  ~Entry() { list().remove(*this); }
  EntryList& list() const {
    // NOLINTNEXTLINE(clang-analyzer-core.uninitialized.UndefReturn): shared is never null
    return idle ? shared->idle : shared->active;
  }

  void connection_free() override {
    if (shared->abandoned || shared->idle.size >= shared->options.idle_max) {
      client.close({Errc::cancelled, Side::self, "enough idle connections"});
      return;
    }
    shared->active.remove(*this);
    idle = true;
    shared->idle.add(*this);
    idle_timer.start(shared->options.idle);
  }
  void connection_gone() override {
    LocalPtr<ClientPool::Shared> hold = shared;
    delete this;
  }
  static void too_idle(void* self) {
    static_cast<Entry*>(self)->client.close({Errc::cancelled, Side::self, "idle for too long"});
  }

  LocalPtr<ClientPool::Shared> shared;
  Entry* next = nullptr;
  Entry** prev = nullptr;
  bool idle = false;
  H1Client client;
  Timer idle_timer{&Entry::too_idle, this};
};

void EntryList::add(Entry& e) {
  e.next = first;
  e.prev = &first;
  if (first != nullptr) first->prev = &e.next;
  first = &e;
  ++size;
}

void EntryList::remove(Entry& e) {
  *e.prev = e.next;
  if (e.next != nullptr) e.next->prev = e.prev;
  --size;
}

// Each entry may delete itself when told to close, and only itself.
void close_list(EntryList& list, Error why) {
  for (Entry* e = list.first; e != nullptr;) {
    Entry* next = e->next;
    e->client.close(why);
    e = next;
  }
}

}  // namespace

// The idle connection used last: the others may grow too old. Null: none is alive.
Entry* ClientPool::Shared::take_idle() {
  while (idle.first != nullptr) {
    Entry& e = *idle.first;
    if (!e.client.reusable()) {
      e.client.close({Errc::closed, Side::upstream, "the idle connection ended"});  // deletes e
      continue;
    }
    idle.remove(e);
    e.idle = false;
    active.add(e);
    e.idle_timer.stop();
    return &e;
  }
  return nullptr;
}

Task<Result<Entry*>> ClientPool::Shared::connect() {
  uint64_t began = closings;
  ++connecting;
  auto stream = co_await connector->connect();
  --connecting;
  if (!stream) co_return fail(stream.error());
  if (closings != began) {
    (*stream)->close(close_reason);
    co_return fail(close_reason);
  }
  co_return new Entry(LocalPtr<Shared>(this), std::move(*stream));
}

Task<Result<Response>> ClientPool::Shared::call(LocalPtr<Shared> self, Request& request, CallFacts* facts) {
  CallFacts own;
  CallFacts& f = facts != nullptr ? *facts : own;
  bool had_content = request.body != nullptr;
  Entry* entry = self->take_idle();
  for (;;) {
    if (entry == nullptr) {
      auto fresh = co_await self->connect();
      if (!fresh) co_return fail(fresh.error());
      entry = *fresh;
    }
    // The entry may go any time from here: nothing of it is touched after the call.
    auto answered = co_await std::exchange(entry, nullptr)->client.call(request, &f);
    bool cancelled = request.cancellation != nullptr && request.cancellation->fired();
    if (answered || cancelled || !f.reused || f.answered) co_return answered;
    Errc code = answered.error().code;
    bool died = code == Errc::closed || code == Errc::reset;
    bool safe = !f.sent || (!had_content && is_idempotent(request.head.method()));
    if (!died || !safe) co_return answered;
    f.sent = f.reused = false;
  }
}

ClientPool::ClientPool(std::unique_ptr<Connector> connector, Options options)
    : shared_(new Shared(std::move(connector), options)) {}

ClientPool::~ClientPool() {
  shared_->abandoned = true;
  close_list(shared_->idle, {Errc::cancelled, Side::self, "the pool has gone"});
}

Task<Result<Response>> ClientPool::call(Request& request, CallFacts* facts) {
  return Shared::call(shared_, request, facts);
}

size_t ClientPool::idle() const { return shared_->idle.size; }
size_t ClientPool::active() const { return shared_->active.size + shared_->connecting; }

void ClientPool::close_all(Error why) {
  LocalPtr<Shared> hold = shared_;
  ++shared_->closings;
  shared_->close_reason = why;
  close_list(shared_->idle, why);
  close_list(shared_->active, why);
}

}  // namespace meshd
