// SPDX-License-Identifier: Apache-2.0
#include "proxy/pause.h"

namespace meshd {

Task<bool> pause(Request& request, milliseconds time) {
  Op<bool> over;
  Timer timer([](void* op) { static_cast<Op<bool>*>(op)->complete(true); }, &over);
  timer.start(time);
  Cancellation* cancellation = request.cancellation;
  if (cancellation != nullptr)
    cancellation->arm(
        [](void* op, Error) {
          if (auto& waiting = *static_cast<Op<bool>*>(op); !waiting.filled()) waiting.complete(false);
        },
        &over);
  bool go_on = co_await over;
  timer.stop();
  if (cancellation != nullptr) cancellation->disarm();
  co_return go_on;
}

}  // namespace meshd
