// SPDX-License-Identifier: Apache-2.0
// try_timer.h: the time of one try: ends it, and not the request.
#pragma once
#include "http/message.h"
#include "loop/loop.h"

namespace meshd {

// Stands between the request's cancellation and what a client arms.
class TryTimer {
 public:
  TryTimer(Request& request, milliseconds limit);
  ~TryTimer() { stop(); }
  void begin();
  void stop() { timer_.stop(); }
  // Between two tries: what ended the last one is forgotten.
  void rest() { inner_ = Cancellation(); }
  // The whole request was given up: its client has gone.
  bool request_over() const { return outer_ != nullptr && outer_->fired(); }

 private:
  static void fired(void* self);
  milliseconds limit_;
  Cancellation* outer_;
  Cancellation inner_;
  Timer timer_{&TryTimer::fired, this};
};

}  // namespace meshd
