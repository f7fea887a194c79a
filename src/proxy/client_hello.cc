// SPDX-License-Identifier: Apache-2.0
#include "proxy/client_hello.h"

#include "base/limits.h"
#include "loop/loop.h"
#include "proxy/peeked.h"
#include "proxy/sniff.h"

namespace meshd {
namespace {

// While it listens the connection is a member of the group.
class Listening final : public ServerConnection {
 public:
  Listening(ServerGroup& group, std::unique_ptr<ByteStream> stream)
      : ServerConnection(group),
        client(std::make_unique<Peeked>(std::move(stream), &Listening::changed, this)) {}
  ~Listening() = default;

  // False: the connection failed.
  Task<bool> hear();

  void begin_drain() override { close({Errc::draining, Side::self, "shutting down"}); }
  void close(Error why) override { client->close(why); }
  bool idle() const override { return true; }

  std::unique_ptr<Peeked> client;
  std::string first;

 private:
  static void changed(void* self) {
    auto& l = *static_cast<Listening*>(self);
    if (l.changed_.waiting()) l.changed_.complete(true);
  }
  static void waited(void* self) {
    static_cast<Listening*>(self)->late_ = true;
    changed(self);
  }
  bool enough() const {
    FirstBytes what = sniff(first);
    return what == FirstBytes::tls ? hello_complete(first) : what != FirstBytes::undecided;
  }

  bool late_ = false;
  Op<bool> changed_;
  Timer patience_{&Listening::waited, this};
};

Task<bool> Listening::hear() {
  patience_.start(kDetectPatience);
  while (!enough()) {
    client->peek();
    while (!client->arrived() && !late_) co_await changed_;
    if (!client->arrived()) break;
    Result<Chunk> more = client->take();
    if (!more) co_return false;
    if (more->empty()) {
      client->put_back(std::move(more));
      break;
    }
    if (first.empty()) patience_.start(kHeadDeadline);
    first.append(more->view());
  }
  co_return true;
}

}  // namespace

Task<void> serve_hello(std::unique_ptr<ByteStream> stream, OpaqueSide& side, ServerGroup& group) {
  std::unique_ptr<Peeked> client;
  std::string first;
  {
    Listening listening(group, std::move(stream));
    if (group.draining()) listening.begin_drain();
    bool heard = co_await listening.hear();
    client = std::move(listening.client);
    first = std::move(listening.first);
    client->settle();
    if (!heard) co_return;
  }
  co_await serve_opaque(*client, nullptr, side, group, first);
}

}  // namespace meshd
