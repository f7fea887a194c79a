// SPDX-License-Identifier: Apache-2.0
// wait_queue.h: requests that wait for room at a service whose endpoints have all they may have. First come, first
// served within a loop; between loops, whichever is told first.
#pragma once
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "http/message.h"
#include "loop/loop.h"
#include "proxy/bulkhead.h"

namespace meshd {

class WaitQueues {
 public:
  // `loop` is this thread's.
  WaitQueues(Loop& loop, std::shared_ptr<Bulkheads> bulkheads);

  WaitQueues(const WaitQueues&) = delete;
  WaitQueues& operator=(const WaitQueues&) = delete;
  ~WaitQueues() { bulkheads_->leave(bit_); }

  // Somebody waits for room at `service`, on whatever loop: who comes now goes to the end of the queue.
  bool busy(const std::string& service) { return of(service).room->waiting.load() > 0; }
  // An endpoint of `service` has room for one more.
  void freed(const std::string& service) {
    WaitRoom& room = *of(service).room;
    if (room.waiting.load() > 0) bulkheads_->wake(room.loops.load(), service);
  }

 private:
  friend class Waiting;
  struct Waiter {
    Op<bool> told;
    bool called = false;  // and has not looked yet
  };
  struct Queue {
    std::shared_ptr<WaitRoom> room;
    std::list<Waiter*> waiters;
  };
  Queue& of(const std::string& service) {
    Queue& q = queues_[service];
    if (!q.room) q.room = bulkheads_->room(service);
    return q;
  }
  void call_first(const std::string& service);

  std::shared_ptr<Bulkheads> bulkheads_;
  uint64_t bit_;
  std::unordered_map<std::string, Queue> queues_;
};

// One request's place in the queue, from construction on. Look for room once more before waiting: it may have become
// free in between.
class Waiting {
 public:
  // At most `most` requests wait at `service`, on all loops together. It outlives this.
  Waiting(WaitQueues& queues, const std::string& service, uint32_t most);
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting();

  // False: the queue is full.
  bool admitted() const { return admitted_; }
  // Waits to be told of room; false: `limit` has passed, or the request is over.
  Task<bool> next(Request& request, milliseconds limit);
  // The room that it was told of is taken.
  void served() { waiter_.called = false; }

 private:
  WaitQueues& queues_;
  WaitQueues::Queue& queue_;
  const std::string& service_;
  WaitQueues::Waiter waiter_;
  std::list<WaitQueues::Waiter*>::iterator place_;
  bool admitted_;
};

}  // namespace meshd
