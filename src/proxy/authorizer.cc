// SPDX-License-Identifier: Apache-2.0
// authorizer.cc: stage after authorize. Reads x.request, x.service, x.from. Next: send
#include "proxy/authorizer.h"

#include "http/grpc.h"
#include "net/tcp_stream.h"
#include "proxy/data_plane.h"
#include "proxy/exchange.h"

namespace meshd {
namespace {

Task<Result<std::unique_ptr<ByteStream>>> dial(std::string ip, uint16_t port, milliseconds limit) {
  auto address = SocketAddress::from_ip(ip, port);
  if (!address)
    co_return fail(Errc::unreachable, Side::upstream, "the authorizer's address is no IP address");
  auto stream = co_await tcp_connect(*address, limit);
  if (!stream) co_return fail(stream.error());
  co_return std::unique_ptr<ByteStream>(std::move(*stream));
}

class AuthorizerConnector final : public Connector {
 public:
  explicit AuthorizerConnector(const model::Authorizer& a) : ip_(a.ip), port_(a.port), limit_(a.timeout) {}
  Task<Result<std::unique_ptr<ByteStream>>> connect() override { return dial(ip_, port_, limit_); }

 private:
  std::string ip_;
  uint16_t port_;
  milliseconds limit_;
};

RequestHead question(const Exchange& x, const model::Authorizer& a) {
  const RequestHead& asked = x.request->head;
  RequestHead head;
  head.set_method("GET");
  head.set_scheme("http");
  head.set_authority(a.authority);
  head.set_path(a.path);
  head.add("x-meshd-client-id", x.from->uri);
  head.add("x-meshd-service", x.service->name);
  head.add("x-forwarded-method", asked.method());
  head.add("x-forwarded-host", asked.authority().empty() ? x.service->name : asked.authority());
  head.add("x-forwarded-uri", asked.path());
  if (auto id = asked.find("x-request-id")) head.add("x-request-id", *id);
  for (const std::string& name : a.headers)
    for (size_t i = 0; i < asked.size(); ++i)
      if (same_name(asked[i].name, name)) head.add(name, asked[i].value);
  return head;
}

void end_call(void* cancellation) {
  static_cast<Cancellation*>(cancellation)
      ->fire({Errc::timeout, Side::upstream, "the authorizer did not answer in time"});
}

struct Answer {
  ResponseHead head;
  std::string content;
};

Task<Result<Answer>> ask(Service& pool, RequestHead head, milliseconds limit) {
  Request request;
  request.head = std::move(head);
  Cancellation cancellation;
  request.cancellation = &cancellation;
  Timer timer(end_call, &cancellation);
  timer.start(limit);
  auto response = co_await pool.call(request);
  if (!response) co_return fail(response.error());
  Answer answer{std::move(response->head), {}};
  if (!response->body) co_return answer;
  auto content = co_await read_all(*response->body, kAuthorizerAnswerMax);
  if (!content) co_return fail(content.error());
  answer.content = std::move(*content);
  co_return answer;
}

// What the caller may see of their answer.
Response handed_on(Answer answer) {
  Response out;
  out.head.status = answer.head.status;
  for (size_t i = 0; i < answer.head.size(); ++i)
    for (std::string_view name : {"content-type", "www-authenticate", "set-cookie", "cache-control"})
      if (same_name(answer.head[i].name, name)) out.head.add(name, answer.head[i].value);
  if (!answer.content.empty()) out.body = make_body(Chunk::copy(answer.content));
  return out;
}

}  // namespace

Service& Authorizers::at(const model::Authorizer& a) {
  std::unique_ptr<ClientPool>& pool = pools_[a.authority + " " + std::to_string(a.timeout.count())];
  if (!pool) {
    // The file names one; a changed one takes its place.
    if (pools_.size() > 1) {
      pools_.clear();
      return at(a);
    }
    pool = std::make_unique<ClientPool>(std::make_unique<AuthorizerConnector>(a));
  }
  return *pool;
}

Task<AuthorizerWord> ask_authorizer(Exchange& x) {
  const model::Authorizer& a = *x.service->authorizer;
  RequestHead head = question(x, a);
  for (const std::string& name : a.sets) x.request->head.remove(name);
  Service& pool = x.plane.authorizers().at(a);
  Task<Result<Answer>> asked = ask(pool, std::move(head), a.timeout);
  auto answer = co_await asked;
  AuthorizerWord word;
  int status = answer ? answer->head.status : 0;
  if (status >= 200 && status <= 299) {
    for (const std::string& name : a.sets)
      for (size_t i = 0; i < answer->head.size(); ++i)
        if (same_name(answer->head[i].name, name)) x.request->head.add(name, answer->head[i].value);
    word.allowed = true;
    x.plane.count_authorizer(x.service->name, "allowed");
  } else if (status == 401 || status == 403) {
    word.why = {status == 401 ? Errc::unauthenticated : Errc::denied, Side::client,
                "denied by the authorizer"};
    word.theirs = handed_on(std::move(*answer));
    x.plane.count_authorizer(x.service->name, "denied");
  } else {
    bool late = !answer && answer.error().code == Errc::timeout;
    word.why = {late ? Errc::timeout : Errc::unreachable, Side::upstream,
                late     ? "the authorizer did not answer in time"
                : answer ? "the authorizer answered with neither yes nor no"
                         : "the authorizer cannot be asked"};
    word.allowed = a.fail_open;
    x.plane.count_authorizer(x.service->name, a.fail_open ? "failed-open" : "failed");
  }
  co_return word;
}

Response refuse_by_authorizer(std::unique_ptr<Exchange>&& x, AuthorizerWord word) {
  const Snapshot& s = **x->snapshot;
  SourcePos at = x->service->authorizer->at;
  std::string place =
      "authorizer at " + s.model.file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
  bool grpc = is_grpc(x->request->head);
  Response ours = refuse(std::move(x), word.why, std::move(place));
  if (!word.theirs || grpc) return ours;
  if (auto reason = ours.head.find("x-meshd-error")) word.theirs->head.add("x-meshd-error", *reason);
  return std::move(*word.theirs);
}

}  // namespace meshd
