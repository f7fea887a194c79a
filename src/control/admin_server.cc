// SPDX-License-Identifier: Apache-2.0
#include "control/admin_server.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <utility>

#include "base/log.h"
#include "control/user_name.h"
#include "http/h1_server.h"

namespace meshd {
namespace {

// The router, as one caller sees it.
class AdminCaller final : public Service {
 public:
  AdminCaller(ApiRouter& router, std::string caller) : router_(router), caller_(std::move(caller)) {}
  Task<Result<Response>> call(Request& request) override { return router_.serve(request, caller_); }

 private:
  ApiRouter& router_;
  std::string caller_;
};

Task<void> serve_caller(std::unique_ptr<ByteStream> stream, ApiRouter& router, ServerGroup& group,
                        std::string caller) {
  AdminCaller service(router, std::move(caller));
  Task<void> served = serve_h1(std::move(stream), service, group, H1ServerOptions());
  co_await served;
}

}  // namespace

Outcome<std::unique_ptr<AdminServer>> AdminServer::open(const std::string& path, ApiRouter& router) {
  // /run/meshd is gone after a reboot; systemd's RuntimeDirectory= makes it too.
  mkdir(path.substr(0, path.rfind('/')).c_str(), 0750);
  auto socket = AdminSocket::at(path);
  if (!socket) return fail(socket.error());
  std::unique_ptr<AdminServer> self(new AdminServer(std::move(*socket), router));
  auto listener = Listener::open(self->socket_.address(), [raw = self.get()](std::unique_ptr<TcpStream> s) {
    raw->accept(std::move(s));
  });
  if (!listener) return fail(listener.error());
  self->listener_ = std::move(*listener);
  return self;
}

AdminServer::~AdminServer() = default;

void AdminServer::accept(std::unique_ptr<TcpStream> stream) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(stream->fd(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return;
  std::string caller = user_name(peer.uid);
  std::unique_ptr<ByteStream> bytes = std::move(stream);
  spawn(serve_caller(std::move(bytes), router_, group_, std::move(caller)));
}

void AdminServer::close() {
  listener_->close();
  group_.close_all({Errc::draining, Side::self, "meshd stops"});
}

}  // namespace meshd
