// SPDX-License-Identifier: Apache-2.0
// server_group.h: the live connections of one listener on one loop, HTTP/1 and HTTP/2 alike, so that they
// can be counted, drained and closed together.
#pragma once
#include <cstddef>

#include "base/result.h"
#include "loop/task.h"

namespace meshd {

class ServerGroup;

// A member from its construction to its destruction. The group must outlive its members.
class ServerConnection {
 public:
  explicit ServerConnection(ServerGroup& group);
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;

  // No new requests: closes soon if idle, else after those under way (HTTP/1: `connection: close`; HTTP/2: GOAWAY).
  virtual void begin_drain() = 0;
  // Ends now.
  virtual void close(Error why) = 0;
  // No request is under way.
  virtual bool idle() const = 0;
  // Bytes that wait for the peer to take them.
  virtual size_t held() const { return 0; }

 protected:
  ~ServerConnection();
  ServerGroup& group() { return group_; }

 private:
  friend class ServerGroup;
  ServerGroup& group_;
  ServerConnection* next_ = nullptr;
  ServerConnection** prev_ = nullptr;
};

class ServerGroup {
 public:
  ServerGroup() = default;
  ServerGroup(const ServerGroup&) = delete;
  ServerGroup& operator=(const ServerGroup&) = delete;
  ~ServerGroup();  // must be empty

  size_t size() const { return size_; }
  size_t busy() const;  // connections with a request under way
  bool draining() const { return draining_; }

  // What was refused before a service saw it: a request that broke a rule or a limit, a connection that made too much
  // work. The listener counts them.
  using Refused = void (*)(void* context, const Error& why);
  void on_refused(Refused refused, void* context) {
    refused_ = refused;
    context_ = context;
  }
  void note_refused(const Error& why) {
    if (refused_ != nullptr) refused_(context_, why);
  }
  // A connection ended for `why`; not every end is a refusal.
  void note_end(const Error& why) {
    if (why.code == Errc::protocol || why.code == Errc::flood || why.code == Errc::slow_head)
      note_refused(why);
  }

  // Drains all; connections that join later are told to drain at once by asking draining().
  void drain();
  void close_all(Error why);
  // Those without a request; gives how many.
  size_t close_idle(Error why);
  // Those that hold most, until they hold this share (0 to 1) of what all hold; gives how many.
  size_t close_fullest(double share, Error why);
  // True at once when there is none, else when the last one has gone. One waiter.
  Await<bool> empty();

 private:
  friend class ServerConnection;
  ServerConnection* first_ = nullptr;
  ServerConnection* cursor_ = nullptr;  // the next to visit: members may go while they are told
  size_t size_ = 0;
  bool draining_ = false;
  Refused refused_ = nullptr;
  void* context_ = nullptr;
  Op<bool> emptied_;
};

}  // namespace meshd
