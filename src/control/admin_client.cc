// SPDX-License-Identifier: Apache-2.0
#include "control/admin_client.h"

#include <unistd.h>

#include <optional>
#include <utility>

#include "control/admin_socket.h"
#include "control/state_lock.h"
#include "http/h1_client.h"
#include "loop/loop.h"
#include "net/tcp_stream.h"

namespace meshd {
namespace {

constexpr milliseconds kMayStart{1'000};      // nothing runs on this state
constexpr milliseconds kStartingMax{10'000};  // something does, and does not listen yet

std::unexpected<Detailed> unreachable(const StateDir& state) {
  std::string path = state.admin_socket();
  if (access(path.c_str(), F_OK) == 0 && access(path.c_str(), W_OK) != 0)
    return fail(Errc::permission,
                "no permission to use " + path + "; run as root or as the user that runs meshd");
  if (!state.is_node() && access(state.root().c_str(), X_OK) != 0 && access(state.root().c_str(), F_OK) == 0)
    return fail(Errc::permission, "no permission to look into " + state.root() +
                                      "; run as root or as the user that runs meshd");
  std::string how = state.is_node() ? "start it with: meshd run --state " + state.root()
                                    : state.root() + " holds no node; name the right directory with --state";
  return fail(Errc::unreachable, "no meshd answers at " + path + "; " + how);
}

void end_call(void* cancellation) {
  static_cast<Cancellation*>(cancellation)
      ->fire({Errc::timeout, Side::upstream, "meshd did not answer in time"});
}

Task<Result<std::unique_ptr<TcpStream>>> connect_once(const StateDir& state) {
  auto socket = AdminSocket::at(state.admin_socket());
  if (!socket) co_return fail(socket.error().code, Side::upstream, "there is no socket");
  co_return co_await tcp_connect(socket->address(), kConnectTimeout);
}

// `meshd run &` and the next command may stand in one line of a script: a daemon that is starting is waited for, and one
// that may be about to start for a moment.
Task<Result<std::unique_ptr<TcpStream>>> connect_patiently(const StateDir& state) {
  Instant begin = Loop::current().now();
  for (;;) {
    Task<Result<std::unique_ptr<TcpStream>>> connecting = connect_once(state);
    auto stream = co_await connecting;
    if (stream || !state.is_node()) co_return stream;
    milliseconds patience = StateLock::held(state.root()) ? kStartingMax : kMayStart;
    if (Loop::current().now() - begin >= patience) co_return stream;
    Task<void> moment = sleep_for(milliseconds(20));
    co_await moment;
  }
}

Task<Outcome<AdminAnswer>> ask(const StateDir& state, AdminRequest wanted) {
  auto stream = co_await connect_patiently(state);
  if (!stream) co_return unreachable(state);

  Request request;
  request.head.set_method(wanted.method);
  request.head.set_scheme("http");
  request.head.set_authority("meshd");
  request.head.set_path(wanted.path);
  if (!wanted.body.empty()) {
    request.head.add("content-type", wanted.content_type);
    request.body = make_body(Chunk::copy(wanted.body));
  }
  Cancellation cancellation;
  request.cancellation = &cancellation;
  Timer timer(end_call, &cancellation);
  timer.start(wanted.limit);
  std::unique_ptr<ByteStream> bytes = std::move(*stream);
  H1Client client(std::move(bytes), wanted.limit);
  auto response = co_await client.call(request);
  if (!response) {
    if (response.error().code == Errc::timeout) co_return fail(Errc::timeout, "meshd did not answer in time");
    co_return fail(Errc::protocol, std::string("meshd ended the connection: ") + response.error().why);
  }
  AdminAnswer answer{.status = response->head.status};
  if (response->body) {
    auto text = co_await read_all(*response->body, kAdminBodyMax);
    if (!text)
      co_return fail(text.error().code, std::string("meshd's answer was cut short: ") + text.error().why);
    auto parsed = text->empty() ? Outcome<Json>(Json()) : parse_json(*text);
    if (!parsed) co_return fail(Errc::protocol, "meshd's answer is not JSON: " + parsed.error().what);
    answer.body = std::move(*parsed);
  }
  co_return answer;
}

Task<void> ask_into(const StateDir& state, AdminRequest request, std::optional<Outcome<AdminAnswer>>& into) {
  Task<Outcome<AdminAnswer>> asked = ask(state, std::move(request));
  into = co_await asked;
}

}  // namespace

Detailed AdminAnswer::error() const {
  std::string what = text_of(body, "error", "meshd answered with status " + std::to_string(status));
  switch (status) {
    case 400: return {Errc::invalid_argument, what};
    case 403: return {Errc::denied, what};
    case 404: return {Errc::not_found, what};
    case 409: return {Errc::conflict, what};
    case 422: return {Errc::invalid_argument, what};
    case 503: return {Errc::draining, what};
    case 504: return {Errc::timeout, what};
    case 507: return {Errc::exhausted, what};
    default: return {Errc::internal, what};
  }
}

Outcome<AdminAnswer> ask_admin(const StateDir& state, AdminRequest request) {
  Loop loop;
  std::optional<Outcome<AdminAnswer>> answer;
  spawn(ask_into(state, std::move(request), answer));
  loop.run_until([&] { return answer.has_value() && loop.tasks() == 0; });
  return std::move(*answer);
}

Outcome<Json> ask_admin_ok(const StateDir& state, AdminRequest request) {
  auto answer = ask_admin(state, std::move(request));
  if (!answer) return fail(answer.error());
  if (!answer->ok()) return fail(answer->error());
  return std::move(answer->body);
}

}  // namespace meshd
