// SPDX-License-Identifier: Apache-2.0
#include "http/server_group.h"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <functional>
#include <vector>

namespace meshd {

ServerConnection::ServerConnection(ServerGroup& group) : group_(group) {
  next_ = group.first_;
  prev_ = &group.first_;
  if (next_ != nullptr) next_->prev_ = &next_;
  group.first_ = this;
  ++group.size_;
}

ServerConnection::~ServerConnection() {
  if (group_.cursor_ == this) group_.cursor_ = next_;
  *prev_ = next_;
  if (next_ != nullptr) next_->prev_ = prev_;
  if (--group_.size_ == 0 && group_.emptied_.waiting()) group_.emptied_.complete(true);
}

ServerGroup::~ServerGroup() { assert(size_ == 0); }

size_t ServerGroup::busy() const {
  size_t n = 0;
  for (ServerConnection* c = first_; c != nullptr; c = c->next_) n += !c->idle();
  return n;
}

void ServerGroup::drain() {
  draining_ = true;
  for (cursor_ = first_; cursor_ != nullptr;) {
    ServerConnection* c = cursor_;
    cursor_ = c->next_;
    c->begin_drain();
  }
}

void ServerGroup::close_all(Error why) {
  for (cursor_ = first_; cursor_ != nullptr;) {
    ServerConnection* c = cursor_;
    cursor_ = c->next_;
    c->close(why);
  }
}

size_t ServerGroup::close_idle(Error why) {
  size_t closed = 0;
  for (cursor_ = first_; cursor_ != nullptr;) {
    ServerConnection* c = cursor_;
    cursor_ = c->next_;
    if (!c->idle()) continue;
    c->close(why);
    ++closed;
  }
  return closed;
}

size_t ServerGroup::close_fullest(double share, Error why) {
  // What the last one to go must hold at least; found first, because closing one may take others with it.
  std::vector<size_t> held;
  double all = 0;
  for (ServerConnection* c = first_; c != nullptr; c = c->next_) {
    size_t n = c->held();
    if (n > 0) held.push_back(n);
    all += static_cast<double>(n);
  }
  std::ranges::sort(held, std::greater());
  double sum = 0;
  size_t least = SIZE_MAX, most = 0;
  for (; most < held.size() && sum < all * share; ++most) {
    least = held[most];
    sum += static_cast<double>(least);
  }
  size_t closed = 0;
  for (cursor_ = first_; cursor_ != nullptr && closed < most;) {
    ServerConnection* c = cursor_;
    cursor_ = c->next_;
    if (c->held() < least) continue;
    c->close(why);
    ++closed;
  }
  return closed;
}

Await<bool> ServerGroup::empty() {
  if (size_ == 0) return true;
  return emptied_;
}

}  // namespace meshd
