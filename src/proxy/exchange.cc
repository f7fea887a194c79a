// SPDX-License-Identifier: Apache-2.0
// exchange.cc: first and last things of an exchange: accept, answers of our own, relay of the response, record.
#include "proxy/exchange.h"

#include "http/grpc.h"
#include "proxy/data_plane.h"

namespace meshd {
namespace {

// The response's content on its way to the client, and the exchange's last home: the end of the content, an
// error, or the destruction of this body before its end (the client is gone) completes the record.
class RelayedBody final : public Body {
 public:
  RelayedBody(ExchangePtr x, std::unique_ptr<Body> inner) : x_(std::move(x)), inner_(std::move(inner)) {}
  ~RelayedBody() override {
    if (!x_->recorded && !x_->error) x_->error = Error{Errc::cancelled, Side::client, "the client went away"};
  }

  Await<Result<Chunk>> pull() override {
    Await<Result<Chunk>> next = inner_->pull();
    // Most pulls find their bytes there already: no frame for those.
    if (next.await_ready()) return pulled(next.await_resume());
    return pull_slowly(std::move(next));
  }
  void close(Error why) override {
    if (!x_->error) x_->error = why;
    inner_->close(why);
  }
  std::optional<uint64_t> length() const override { return inner_->length(); }
  const Fields* trailers() const override { return inner_->trailers(); }

 private:
  Task<Result<Chunk>> pull_slowly(Await<Result<Chunk>> next) {
    Result<Chunk> chunk = co_await next;
    co_return pulled(std::move(chunk));
  }
  Result<Chunk> pulled(Result<Chunk> chunk) {
    if (!chunk) {
      if (!x_->error) x_->error = chunk.error();
      record(*x_);
    } else if (chunk->empty()) {
      record(*x_);
    } else {
      x_->bytes_out += chunk->size();
    }
    return chunk;
  }

  ExchangePtr x_;
  std::unique_ptr<Body> inner_;
};

// The request's content on its way up: counts.
class CountedBody final : public Body {
 public:
  CountedBody(std::unique_ptr<Body> inner, LocalPtr<ByteCount> count)
      : inner_(std::move(inner)), count_(std::move(count)) {}
  Await<Result<Chunk>> pull() override {
    Await<Result<Chunk>> next = inner_->pull();
    if (!next.await_ready()) return pull_slowly(std::move(next));
    return counted(next.await_resume());
  }
  void close(Error why) override { inner_->close(why); }
  std::optional<uint64_t> length() const override { return inner_->length(); }
  const Fields* trailers() const override { return inner_->trailers(); }

 private:
  Task<Result<Chunk>> pull_slowly(Await<Result<Chunk>> next) {
    Result<Chunk> chunk = co_await next;
    co_return counted(std::move(chunk));
  }
  Result<Chunk> counted(Result<Chunk> chunk) {
    if (!chunk) return chunk;
    count_->bytes += chunk->size();
    if (chunk->empty() && count_->waiting != nullptr) {
      Exchange& x = *std::exchange(count_->waiting, nullptr);
      x.deadline.start(x.answer_within);
    }
    return chunk;
  }

  std::unique_ptr<Body> inner_;
  LocalPtr<ByteCount> count_;
};

}  // namespace

Exchange::~Exchange() { record(*this); }

void Exchange::on_deadline(void* self) {
  auto& x = *static_cast<Exchange*>(self);
  Error why{Errc::timeout, Side::upstream, "the request took longer than its timeout"};
  if (!x.error) x.error = why;
  x.request->cancellation->fire(why);
}

ExchangePtr begin_exchange(DataPlane& plane, Direction direction, Request* request, const Peer& from) {
  auto x = std::make_unique<Exchange>(plane, direction);
  x->snapshot = plane.snapshot();
  x->start = plane.loop().now();
  x->request = request;
  x->from = &from;
  if (request == nullptr) return x;
  if (request->cancellation == nullptr) request->cancellation = &x->cancellation;
  if (request->body) {
    x->content = LocalPtr(new ByteCount);
    request->body = std::make_unique<CountedBody>(std::move(request->body), x->content);
  }
  return x;
}

RequestFacts facts_of(const Exchange& x, const FieldLookup& fields, uint64_t random) {
  RequestFacts facts;
  facts.to = x.service;
  facts.from = x.snapshot->principal(*x.from);
  facts.random = random;
  facts.source = x.client_ip;
  if (x.request != nullptr) {
    facts.method = x.request->head.method();
    std::string_view target = x.request->head.path();
    facts.path = x.request->head.path_only();
    if (facts.path.size() < target.size()) facts.query = target.substr(facts.path.size() + 1);
    facts.host = x.request->head.authority();
    facts.headers = fields;
  } else {
    facts.server_name = x.server_name;
  }
  return facts;
}

Response relay_response(ExchangePtr&& exchange, Response response) {
  ExchangePtr x = std::move(exchange);
  x->status = response.head.status;
  // The deadline was for the answer to begin. How long its content takes is the client's pace; bodies that
  // stand still have limits of their own (kBodyStall).
  x->deadline.stop();
  if (x->content) x->content->waiting = nullptr;
  if (!response.body) {
    record(*x);
    return response;
  }
  response.body = std::make_unique<RelayedBody>(std::move(x), std::move(response.body));
  return response;
}

Response refuse(ExchangePtr&& exchange, Error why, std::string detail) {
  ExchangePtr x = std::move(exchange);
  Response response =
      x->request ? make_refusal(x->request->head, why, detail) : make_error_response(why, detail);
  x->status = response.head.status;
  x->error = why;
  x->detail = std::move(detail);
  record(*x);
  return response;
}

Response refuse_for(ExchangePtr&& x, std::chrono::nanoseconds wait, Error why, std::string detail) {
  Response response = refuse(std::move(x), why, std::move(detail));
  response.head.add("retry-after",
                    std::to_string(std::max<int64_t>(1, std::chrono::ceil<seconds>(wait).count())));
  return response;
}

}  // namespace meshd
