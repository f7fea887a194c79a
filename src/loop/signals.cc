// SPDX-License-Identifier: Apache-2.0
#include "loop/signals.h"

#include <uv.h>

#include <cstdlib>
#include <utility>

#include "base/log.h"
#include "loop/loop.h"

namespace meshd {

struct SignalWatch::Impl {
  uv_signal_t handle;
  std::function<void()> on;
};

SignalWatch::SignalWatch(int signal, std::function<void()> on) : impl_(new Impl{{}, std::move(on)}) {
  uv_signal_init(Loop::current().uv(), &impl_->handle);
  impl_->handle.data = impl_;
  int error =
      uv_signal_start(&impl_->handle, [](uv_signal_t* h, int) { static_cast<Impl*>(h->data)->on(); }, signal);
  if (error == 0) return;
  log::error("cannot watch a signal", {{"signal", signal}, {"why", uv_strerror(error)}});
  std::abort();
}

SignalWatch::~SignalWatch() {
  uv_signal_stop(&impl_->handle);
  uv_close(reinterpret_cast<uv_handle_t*>(&impl_->handle),
           [](uv_handle_t* h) { delete static_cast<Impl*>(h->data); });
}

}  // namespace meshd
