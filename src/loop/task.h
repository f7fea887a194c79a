// SPDX-License-Identifier: Apache-2.0
// task.h: coroutines where bytes move. Three shapes:
//   Task<T>   a coroutine that starts when awaited; its frame comes from the slab
//   Op<T>     a leaf wait: a slot that a callback fills; no frame, no allocation
//   Await<T>  what an interface returns: a value that is there already, an Op to wait for, or a Task
//
// Rules: a coroutine is a named function, never a capturing lambda; its parameters are values or
// references to what outlives it. No waiting frame is destroyed from outside: to end a task, close what
// it waits for. Completing an Op puts its waiter on the loop's ready list and never runs it in place, so
// C callbacks cannot be re-entered.
#pragma once
#include <cassert>
#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "loop/frame_slab.h"

namespace meshd {

// Puts a coroutine on the current loop's ready list (loop.cc).
void make_ready(std::coroutine_handle<> h);

template <class T>
class Task;

namespace detail {

struct PromiseBase {
  std::coroutine_handle<> next = std::noop_coroutine();  // who awaits this task

  static void* operator new(size_t bytes) { return frame_allocate(bytes); }
  static void operator delete(void* p, size_t bytes) { frame_free(p, bytes); }

  struct Final {
    bool await_ready() noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> h) noexcept {
      return h.promise().next;
    }
    void await_resume() noexcept {}
  };
  std::suspend_always initial_suspend() noexcept { return {}; }
  Final final_suspend() noexcept { return {}; }
  // Errors are values; what is thrown here is std::bad_alloc or a mistake of ours.
  void unhandled_exception() noexcept { std::terminate(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <class U>
  void return_value(U&& v) {
    value.emplace(std::forward<U>(v));
  }
  T take() { return std::move(*value); }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() noexcept {}
  void take() {}
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle h) : h_(h) {}
  Task(Task&& o) noexcept : h_(std::exchange(o.h_, nullptr)) {}
  Task& operator=(Task&& o) noexcept {
    std::swap(h_, o.h_);
    return *this;
  }
  ~Task() {
    if (h_) h_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> next) noexcept {
    h_.promise().next = next;
    return h_;
  }
  T await_resume() { return h_.promise().take(); }

 private:
  Handle h_ = nullptr;
};

namespace detail {
template <class T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}
}  // namespace detail

// A slot that one coroutine waits for and a callback fills, again and again.
// The Op must outlive the wait; its owner completes it before it goes (close() does).
template <class T>
class Op {
 public:
  Op() = default;
  Op(const Op&) = delete;
  Op& operator=(const Op&) = delete;
  ~Op() { assert(waiter_ == nullptr); }

  // True while a coroutine waits and no value has come.
  bool waiting() const { return waiter_ != nullptr; }
  bool filled() const { return value_.has_value(); }
  // Fills the slot; a waiter becomes ready. Filling a filled slot replaces nothing and is a mistake.
  void complete(T value) {
    assert(!value_);
    value_.emplace(std::move(value));
    if (waiter_) make_ready(std::exchange(waiter_, nullptr));
  }

  bool await_ready() const { return value_.has_value(); }
  void await_suspend(std::coroutine_handle<> h) {
    assert(waiter_ == nullptr);  // one waiter at a time
    waiter_ = h;
  }
  T await_resume() {
    T v = std::move(*value_);
    value_.reset();
    return v;
  }

 private:
  std::coroutine_handle<> waiter_ = nullptr;
  std::optional<T> value_;
};

template <class T>
class [[nodiscard]] Await {
 public:
  template <class U>
    requires(std::is_convertible_v<U, T> && !std::is_same_v<std::remove_cvref_t<U>, Await>)
  Await(U&& ready) : value_(std::in_place, std::forward<U>(ready)) {}
  Await(Op<T>& op) : op_(&op) {}
  Await(Task<T> task) : task_(std::move(task)) {}
  Await(Await&&) = default;
  Await& operator=(Await&&) = delete;

  bool await_ready() const { return value_ || (op_ && op_->await_ready()); }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> h) {
    if (op_ == nullptr) return task_.await_suspend(h);
    op_->await_suspend(h);
    return std::noop_coroutine();
  }
  T await_resume() {
    if (value_) return std::move(*value_);
    return op_ ? op_->await_resume() : task_.await_resume();
  }

 private:
  std::optional<T> value_;
  Op<T>* op_ = nullptr;
  Task<T> task_;
};

// Starts `task` on the current loop at the end of this turn's work; it runs to its end on its own.
void spawn(Task<void> task);
// The same, but it runs up to its first wait within this call: for plain functions that hold an Await, which must
// be awaited before anything else can complete it. Not from within a callback of a C library.
void start(Task<void> task);

}  // namespace meshd
