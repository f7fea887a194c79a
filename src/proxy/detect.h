// SPDX-License-Identifier: Apache-2.0
// detect.h: which protocol the first bytes speak, and serving a connection accordingly.
#pragma once
#include <memory>

#include "http/h1_parser.h"
#include "http/message.h"
#include "http/server_group.h"
#include "net/byte_stream.h"

namespace meshd {

// Serves HTTP/2 where the connection begins with its preface (RFC 9113 3.4), else HTTP/1.
// `limits`: of HTTP/1 heads. `service` and `group` outlive the task. A connection that says too little for too long
// ends, and the group is told.
Task<void> serve_detected(std::unique_ptr<ByteStream> stream, Service& service, ServerGroup& group,
                          HeadLimits limits);

// A stream that is neither HTTP/1 nor HTTP/2, as a member of a group: to be closed with it when a drain ends.
class ClosableConnection final : public ServerConnection {
 public:
  ClosableConnection(ServerGroup& group, ByteStream& stream) : ServerConnection(group), stream_(stream) {}
  ~ClosableConnection() = default;
  void begin_drain() override {}
  void close(Error why) override { stream_.close(why); }
  bool idle() const override { return false; }

 private:
  ByteStream& stream_;
};

}  // namespace meshd
