// SPDX-License-Identifier: Apache-2.0
#include "http/h2_server.h"

#include <cassert>

#include "http/h2_connection.h"
#include "http/semantics.h"

namespace meshd {

H2ServerStream::~H2ServerStream() = default;

void H2ServerStream::field(std::string_view name, std::string_view value) {
  if (head_done_) return add_trailer(name, value);
  if (!name.starts_with(':')) return head_.add(name, value);
  if (name == ":method")
    head_.set_method(value);
  else if (name == ":path")
    head_.set_path(value);
  else if (name == ":authority")
    head_.set_authority(value);
  else if (name == ":scheme")
    head_.set_scheme(value);
  else if (name == ":protocol")
    head_.set_protocol(value);
}

bool H2ServerStream::end_fields(bool end_stream) {
  // Trailers cut short would look complete. A head cut short can be answered.
  if (head_done_)
    return end_stream && !too_large_ && (!trailers_ || check_trailers(*trailers_, Side::client));
  head_done_ = true;
  no_content_ = end_stream;
  is_connect_ = head_.method() == "CONNECT";
  head_.version = HttpVersion::http2;
  return true;
}

Result<> H2ServerStream::respond(const ResponseHead& head, bool end, std::optional<uint64_t> length) {
  assert(!responded_);
  if (broken()) return fail(*broken());
  responded_ = true;
  return connection_->submit_response(*this, head, end, length);
}

Result<> H2ServerStream::interim(const ResponseHead& head) {
  assert(!responded_ && head.status >= 100 && head.status < 200);
  if (broken()) return fail(*broken());
  return connection_->submit_interim(*this, head);
}

H2Server::H2Server(std::unique_ptr<ByteStream> stream, H2Handler& handler, const H2Options& options,
                   Chunk initial)
    : connection_(new H2Connection(H2Connection::Role::server, std::move(stream), options)),
      initial_(std::move(initial)) {
  connection_->handler = &handler;
}

H2Server::~H2Server() {
  connection_->handler = nullptr;
  connection_->close({Errc::cancelled, Side::self, "server connection destroyed"});
}

Task<Error> H2Server::run() { return H2Connection::run(connection_, std::move(initial_)); }
void H2Server::drain() { connection_->drain(); }
void H2Server::close(Error why) { connection_->close(why); }
bool H2Server::idle() const { return connection_->streams() == 0; }
size_t H2Server::streams() const { return connection_->streams(); }
size_t H2Server::queued() const { return connection_->queued(); }
uint64_t H2Server::served() const { return connection_->served; }
ByteStream& H2Server::transport() { return connection_->transport(); }

}  // namespace meshd
