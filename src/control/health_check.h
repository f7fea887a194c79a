// SPDX-License-Identifier: Apache-2.0
// health_check.h: asks instances whether they are well: those on this node, and addresses outside the mesh.
//
// One check per endpoint, on the control loop, straight to the program. The first answer decides at once; then `fall`
// failures in a row make an endpoint down and `rise` successes make it up again.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/random.h"
#include "loop/task.h"
#include "model/model.h"
#include "net/tcp_stream.h"
#include "proxy/data_loops.h"
#include "snapshot/snapshot.h"

namespace meshd {

class HealthCheck {
 public:
  struct Checked {
    bool outside = false;  // not an instance of this node
    bool known = false;    // an answer came, or failed to
    bool down = false;
    std::string reason;  // of the last failure: "http 503", "connect refused"
  };

  // Connects to an instance of this node, or to an address outside. Errors as tcp_connect, or identity: the port is
  // another program's.
  using Dial =
      std::function<Task<Result<std::unique_ptr<TcpStream>>>(EndpointId, SocketAddress, milliseconds)>;

  // `changed` runs when an endpoint went down or up, or is not checked any more.
  HealthCheck(std::string node, std::function<void()> changed, Dial dial = {});
  ~HealthCheck();

  // Checks what this snapshot has on this node or outside; checks that stay the same go on as they are.
  void follow(const SnapshotPtr& snapshot);
  void stop();

  std::map<EndpointId, Checked> results() const;

 private:
  struct Target;
  static void tick(void* target);
  static Task<void> probe(std::shared_ptr<Target> target);
  void learn(Target& target, const std::string& failure);

  std::string node_;
  std::function<void()> changed_;
  Dial dial_;
  FastRandom random_;
  std::map<EndpointId, std::shared_ptr<Target>> targets_;
};

// One question, at most `limit` long: empty when the instance is well, else the reason. For tests and `meshd check`.
Task<std::string> ask_health(SocketAddress at, model::Health health);

}  // namespace meshd
