// SPDX-License-Identifier: Apache-2.0
#include "control/server_link.h"

#include <utility>

#include "base/limits.h"
#include "loop/loop.h"
#include "net/tcp_stream.h"

namespace meshd {
namespace {

Errc code_of(int status) {
  switch (status) {
    case 400: return Errc::invalid_argument;
    case 403: return Errc::denied;
    case 404: return Errc::not_found;
    case 409: return Errc::conflict;
    case 429: return Errc::overload;
    case 503: return Errc::draining;
    default: return Errc::internal;
  }
}

void cancel_call(void* cancellation) {
  static_cast<Cancellation*>(cancellation)
      ->fire({Errc::timeout, Side::upstream, "the server did not answer in time"});
}

}  // namespace

Detailed link_error(const SocketAddress& server, const Error& why) {
  std::string at = server.text();
  switch (why.code) {
    case Errc::refused:
      return {why.code, "no meshd server answers at " + at + ": the connection was refused"};
    case Errc::unreachable: return {why.code, at + " cannot be reached: " + why.why};
    case Errc::timeout: return {why.code, "the server at " + at + " does not answer"};
    case Errc::identity: return {why.code, "the server at " + at + " is not ours: " + why.why};
    default: return {why.code, "the connection to " + at + " failed: " + why.why};
  }
}

Task<Outcome<std::unique_ptr<H2Client>>> dial_server(ServerAddress server,
                                                     std::shared_ptr<const TlsContext> tls) {
  auto tcp = co_await tcp_connect(server.at, kConnectTimeout);
  if (!tcp) co_return fail(link_error(server.at, tcp.error()));
  ClientOptions options;
  options.expected = std::move(server.expected);
  if (options.expected.size() == 1) options.sni = sni_of(options.expected.front());
  std::unique_ptr<ByteStream> lower = std::move(*tcp);
  auto stream = co_await tls_connect(std::move(lower), std::move(tls), std::move(options));
  if (!stream) co_return fail(link_error(server.at, stream.error()));
  if ((*stream)->alpn() != "h2")
    co_return fail(Errc::protocol,
                   server.at.text() + " is not a meshd control port: it does not speak HTTP/2");
  H2Options h2 = H2Options::mesh();
  h2.stall_timeout = milliseconds(0);  // the agent has a watch of its own
  std::unique_ptr<ByteStream> secure = std::move(*stream);
  co_return std::make_unique<H2Client>(std::move(secure), h2);
}

RequestHead control_request(std::string_view path, const SocketAddress& server) {
  RequestHead head;
  head.set_method("POST");
  head.set_scheme("https");
  head.set_authority(server.text());
  head.set_path(path);
  head.add("content-type", "application/json");
  return head;
}

Task<Outcome<Json>> post_json(H2Client& client, RequestHead head, Json body, milliseconds limit) {
  Request request;
  request.head = std::move(head);
  request.body = make_body(Chunk::copy(to_text(body)));
  Cancellation cancellation;
  request.cancellation = &cancellation;
  Timer timer(cancel_call, &cancellation);
  timer.start(limit);

  auto response = co_await client.call(request);
  if (!response)
    co_return fail(response.error().code, std::string("the server did not answer: ") + response.error().why);
  std::string text;
  if (response->body) {
    auto read = co_await read_all(*response->body, kAdminBodyMax);
    if (!read)
      co_return fail(read.error().code,
                     std::string("the server's answer was cut short: ") + read.error().why);
    text = std::move(*read);
  }
  auto answer = parse_json(text);
  if (response->head.status == 200) {
    if (!answer) co_return fail(Errc::protocol, "the server's answer is not JSON: " + answer.error().what);
    co_return std::move(*answer);
  }
  std::string why = answer ? text_of(*answer, "error") : "";
  if (why.empty()) why = "the server answered with status " + std::to_string(response->head.status);
  co_return fail(code_of(response->head.status), std::move(why));
}

}  // namespace meshd
