// SPDX-License-Identifier: Apache-2.0
#include "proxy/try_timer.h"

namespace meshd {

TryTimer::TryTimer(Request& request, milliseconds limit) : limit_(limit), outer_(request.cancellation) {
  if (outer_ != nullptr)
    outer_->arm([](void* self, Error why) { static_cast<TryTimer*>(self)->inner_.fire(why); }, this);
  request.cancellation = &inner_;
}

void TryTimer::begin() {
  inner_ = Cancellation();
  timer_.start(limit_);
}

void TryTimer::fired(void* self) {
  static_cast<TryTimer*>(self)->inner_.fire(
      {Errc::timeout, Side::upstream, "a try took longer than its timeout"});
}

}  // namespace meshd
