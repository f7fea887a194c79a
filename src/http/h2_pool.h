// SPDX-License-Identifier: Apache-2.0
// h2_pool.h: the HTTP/2 connections of one loop to one endpoint under one identity. Calls share them.
#pragma once
#include <memory>

#include "base/local_ptr.h"
#include "http/client_pool.h"
#include "http/h2_options.h"
#include "http/message.h"

namespace meshd {

class H2Pool final : public Service {
 public:
  H2Pool(std::unique_ptr<Connector> connector, const H2Options& options);
  H2Pool(const H2Pool&) = delete;
  H2Pool& operator=(const H2Pool&) = delete;
  // Calls under way go on to their end; their connections close after them.
  ~H2Pool() override;

  // Takes a connection with a stream to spare, else makes one; who comes meanwhile waits for it. A call that the peer
  // certainly did not process (REFUSED_STREAM, GOAWAY) is made again elsewhere, if its content is untouched.
  // Errors: the connector's; as H2Client::call; overload: kH2ConnectionsMax connections have all their streams in use.
  Task<Result<Response>> call(Request& request) override;

  size_t connections() const;

  struct Shared;

 private:
  LocalPtr<Shared> shared_;  // the pool's, its calls' and its connections'
};

}  // namespace meshd
