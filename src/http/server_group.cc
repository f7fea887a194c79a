// SPDX-License-Identifier: Apache-2.0
#include "http/server_group.h"

#include <cassert>

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

Await<bool> ServerGroup::empty() {
  if (size_ == 0) return true;
  return emptied_;
}

}  // namespace meshd
