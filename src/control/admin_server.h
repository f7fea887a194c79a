// SPDX-License-Identifier: Apache-2.0
// admin_server.h: the local API on a Unix socket: HTTP/1.1 and JSON, for the commands of this machine.
//
// Who may connect is for the file system to say (0660 in a directory of our own); who did is asked of the kernel and
// goes to the handlers as "uid:0".
#pragma once
#include <memory>
#include <string>

#include "control/admin_socket.h"
#include "control/api_router.h"
#include "http/server_group.h"
#include "net/listener.h"

namespace meshd {

class AdminServer {
 public:
  // `router` outlives the server. Errors: conflict (somebody answers there), permission, io.
  static Outcome<std::unique_ptr<AdminServer>> open(const std::string& path, ApiRouter& router);
  ~AdminServer();

  // Stops listening and ends all connections; done() when they are gone.
  void close();
  bool done() const { return group_.size() == 0; }

 private:
  AdminServer(AdminSocket socket, ApiRouter& router) : socket_(std::move(socket)), router_(router) {}
  void accept(std::unique_ptr<TcpStream> stream);

  AdminSocket socket_;
  ApiRouter& router_;
  ServerGroup group_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace meshd
