// SPDX-License-Identifier: Apache-2.0
#include "proxy/wait_queue.h"

namespace meshd {

WaitQueues::WaitQueues(Loop& loop, std::shared_ptr<Bulkheads> bulkheads) : bulkheads_(std::move(bulkheads)) {
  bit_ = bulkheads_->join(
      [this, &loop](const std::string& service) { loop.post([this, service] { call_first(service); }); });
}

void WaitQueues::call_first(const std::string& service) {
  for (Waiter* w : of(service).waiters) {
    if (w->called) continue;
    w->called = true;
    if (w->told.waiting()) w->told.complete(true);
    return;
  }
}

Waiting::Waiting(WaitQueues& queues, const std::string& service, uint32_t most)
    : queues_(queues), queue_(queues.of(service)), service_(service) {
  WaitRoom& room = *queue_.room;
  admitted_ = room.waiting.fetch_add(1) < most;
  if (!admitted_) {
    --room.waiting;
    return;
  }
  place_ = queue_.waiters.insert(queue_.waiters.end(), &waiter_);
  room.loops |= queues_.bit_;
}

Waiting::~Waiting() {
  if (!admitted_) return;
  queue_.waiters.erase(place_);
  --queue_.room->waiting;
  if (queue_.waiters.empty()) queue_.room->loops &= ~queues_.bit_;
  // It was told of room that it does not need any more.
  if (waiter_.called) queues_.freed(service_);
}

Task<bool> Waiting::next(Request& request, milliseconds limit) {
  auto give_up = [](void* op) {
    if (auto& told = *static_cast<Op<bool>*>(op); !told.filled()) told.complete(false);
  };
  // Told while it was looking: it looks again.
  if (std::exchange(waiter_.called, false)) co_return true;
  Timer timer(give_up, &waiter_.told);
  timer.start(limit);
  Cancellation* cancellation = request.cancellation;
  if (cancellation != nullptr)
    cancellation->arm(
        [](void* op, Error) {
          if (auto& told = *static_cast<Op<bool>*>(op); !told.filled()) told.complete(false);
        },
        &waiter_.told);
  bool told = co_await waiter_.told;
  timer.stop();
  if (cancellation != nullptr) cancellation->disarm();
  co_return told;
}

}  // namespace meshd
