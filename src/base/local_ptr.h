// SPDX-License-Identifier: Apache-2.0
// local_ptr.h: shared ownership within one thread: a count without atomics.
#pragma once
#include <cstdint>
#include <utility>

namespace meshd {

// Base of what a LocalPtr counts.
struct LocalCounted {
  uint32_t local_refs = 0;
};

template <class T>
class LocalPtr {
 public:
  LocalPtr() = default;
  explicit LocalPtr(T* fresh) : p_(fresh) {
    if (p_) ++p_->local_refs;
  }
  LocalPtr(const LocalPtr& o) : LocalPtr(o.p_) {}
  LocalPtr(LocalPtr&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  LocalPtr& operator=(LocalPtr o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }
  ~LocalPtr() {
    // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDelete): it assumes any count to be the last
    if (p_ && --p_->local_refs == 0) delete p_;
  }
  T* get() const { return p_; }
  T* operator->() const { return p_; }
  T& operator*() const { return *p_; }
  explicit operator bool() const { return p_ != nullptr; }

 private:
  T* p_ = nullptr;
};

}  // namespace meshd
