// SPDX-License-Identifier: Apache-2.0
#include "control/admin_client.h"

#include <unistd.h>

#include <optional>
#include <utility>

#include "control/admin_socket.h"
#include "http/h1_client.h"
#include "loop/loop.h"
#include "net/tcp_stream.h"

namespace meshd {
namespace {

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

Task<Outcome<AdminAnswer>> ask(const StateDir& state, AdminRequest wanted) {
  auto socket = AdminSocket::at(state.admin_socket());
  if (!socket) co_return unreachable(state);
  auto stream = co_await tcp_connect(socket->address(), kConnectTimeout);
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
