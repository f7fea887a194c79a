// SPDX-License-Identifier: Apache-2.0
#include "http/h2_client.h"

#include <cassert>

#include "http/h2_connection.h"
#include "http/semantics.h"

namespace meshd {
namespace {

// 1xx heads before the final one; a server that sends more plays with us.
constexpr uint8_t kInterimsMax = 32;

Task<void> read_until_end(LocalPtr<H2Connection> connection) {
  co_await H2Connection::run(std::move(connection), Chunk());
}

}  // namespace

H2ClientStream::~H2ClientStream() = default;

void H2ClientStream::field(std::string_view name, std::string_view value) {
  if (final_seen_) return add_trailer(name, value);
  if (whole_) {  // nobody took the head before this one
    heads_.push_back(std::make_unique<ResponseHead>(std::move(building_)));
    building_ = ResponseHead();
    whole_ = false;
  }
  if (name == ":status") {
    // Three digits: nghttp2 has checked that.
    building_.status = 0;
    for (char c : value) building_.status = static_cast<uint16_t>(building_.status * 10 + (c - '0'));
  } else if (!name.starts_with(':')) {
    building_.add(name, value);
  }
}

bool H2ClientStream::end_fields(bool end_stream) {
  if (final_seen_)
    return end_stream && !too_large_ && (!trailers_ || check_trailers(*trailers_, Side::upstream));
  if (too_large_) return false;
  building_.version = HttpVersion::http2;
  if (building_.status < 200) {
    if (end_stream || ++interims_ > kInterimsMax) return false;
  } else {
    final_seen_ = true;
    no_content_ = end_stream;
  }
  whole_ = true;
  if (head_op_.waiting()) head_op_.complete(Result<>());
  return true;
}

void H2ClientStream::broke(Error why) {
  if (head_op_.waiting()) head_op_.complete(fail(why));
}

Await<Result<>> H2ClientStream::head_ready() {
  if (whole_ || !heads_.empty()) return Result<>();
  if (broken()) return Result<>(fail(*broken()));
  return head_op_;
}

ResponseHead H2ClientStream::take_head() {
  assert(whole_ || !heads_.empty());
  if (heads_.empty()) {
    whole_ = false;
    return std::exchange(building_, ResponseHead());
  }
  ResponseHead head = std::move(*heads_.front());
  heads_.erase(heads_.begin());
  return head;
}

Await<Result<ResponseHead>> H2ClientStream::response() {
  if (whole_ || !heads_.empty()) return Result<ResponseHead>(take_head());
  return wait_response(*this);
}

Task<Result<ResponseHead>> H2ClientStream::wait_response(H2ClientStream& s) {
  Result<> ready = co_await s.head_ready();
  if (!ready) co_return fail(ready.error());
  co_return s.take_head();
}

H2Client::H2Client(std::unique_ptr<ByteStream> stream, const H2Options& options)
    : connection_(new H2Connection(H2Connection::Role::client, std::move(stream), options)) {
  connection_->client = this;
  spawn(read_until_end(connection_));
}

H2Client::~H2Client() {
  connection_->client = nullptr;
  connection_->close({Errc::cancelled, Side::self, "client connection destroyed"});
}

Result<std::unique_ptr<H2ClientStream>> H2Client::open(const RequestHead& head, bool end,
                                                       std::optional<uint64_t> length) {
  if (connection_->available() == 0)
    return fail(Errc::refused, Side::upstream, "the connection takes no more streams");
  std::unique_ptr<H2ClientStream> s(new H2ClientStream());
  auto id = connection_->submit_request(*s, head, end, length);
  if (!id) return fail(id.error());
  return s;
}

size_t H2Client::available() const { return connection_->available(); }
size_t H2Client::streams() const { return connection_->streams(); }
bool H2Client::going_away() const { return connection_->going_away(); }
bool H2Client::closed() const { return connection_->closed(); }
bool H2Client::extended_connect() const { return connection_->extended_connect(); }
void H2Client::drain() { connection_->drain(); }
void H2Client::close(Error why) { connection_->close(why); }
void H2Client::observe(H2ClientObserver* observer) { connection_->observer = observer; }
ByteStream& H2Client::transport() { return connection_->transport(); }

}  // namespace meshd
