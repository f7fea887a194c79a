// SPDX-License-Identifier: Apache-2.0
// signals.h: Unix signals as calls on the loop. Used by the control thread only: one place decides what a signal means.
#pragma once
#include <functional>

namespace meshd {

// Calls `on` on the current loop each time the process gets `signal`, instead of what the system would do.
// Ends when destroyed. Errors at making are mistakes of ours (such as SIGKILL) and abort.
class SignalWatch {
 public:
  SignalWatch(int signal, std::function<void()> on);
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  ~SignalWatch();

  struct Impl;

 private:
  Impl* impl_;  // outlives this until libuv has closed the handle
};

}  // namespace meshd
