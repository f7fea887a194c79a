// SPDX-License-Identifier: Apache-2.0
// h2_server.h: the server's end of an HTTP/2 connection, at the level of streams. The mesh transport uses
// it directly; h2_service.h puts a Service on top.
#pragma once
#include <memory>

#include "base/local_ptr.h"
#include "http/fields.h"
#include "http/h2_options.h"
#include "http/h2_stream.h"

namespace meshd {

// A request and the stream it came on.
class H2ServerStream final : public H2Stream {
 public:
  ~H2ServerStream() override;

  // As received and well-formed by RFC 9113 8.3; not yet through the semantic layer, which may change it.
  // CONNECT has an authority, and no path and scheme; version is http2.
  RequestHead& head() { return head_; }
  // The peer sent more fields than H2Options allows: the head is cut short, answer 431.
  bool head_too_large() const { return too_large_; }
  // The request has no content: END_STREAM came with its head.
  bool no_content() const { return no_content_; }

  // The final head, once. `end`: without content. `length`: becomes content-length.
  // Bytes written before are sent after it.
  Result<> respond(const ResponseHead& head, bool end, std::optional<uint64_t> length = std::nullopt);
  // A 1xx head, before respond().
  Result<> interim(const ResponseHead& head);
  bool responded() const { return responded_; }

 private:
  friend class H2Connection;
  void field(std::string_view name, std::string_view value) override;
  bool end_fields(bool end_stream) override;

  RequestHead head_;
  bool head_done_ = false;
  bool no_content_ = false;
  bool responded_ = false;
};

class H2Handler {
 public:
  // A request head is complete. Called from the connection's reader, so that it may do anything, also
  // close the connection. Dropping the stream resets it.
  virtual void on_stream(std::unique_ptr<H2ServerStream> stream) = 0;
  // So many streams were refused before their requests were complete: limit (more at once than H2Options allows) or
  // protocol (malformed).
  virtual void on_refused(const Error& why, size_t streams) { (void)why, (void)streams; }

 protected:
  ~H2Handler() = default;
};

class H2Server {
 public:
  // The peer's preface is the next in `initial` (bytes that were read already) and `stream`.
  // `handler` outlives run().
  H2Server(std::unique_ptr<ByteStream> stream, H2Handler& handler, const H2Options& options,
           Chunk initial = {});
  // Closes the connection; streams that are still held break with `cancelled`.
  ~H2Server();

  // Serves until the connection is over; every stream is broken or complete then. Once. The H2Server
  // outlives it. Gives why it ended: closed (in order, by either side), reset, protocol, timeout, ….
  Task<Error> run();

  // No new streams: GOAWAY in two steps, open streams finish, then the connection closes.
  void drain();
  // GOAWAY where it still makes sense, then the end.
  void close(Error why);

  bool idle() const;        // no stream is open
  size_t streams() const;   // open now
  uint64_t served() const;  // since the start
  size_t queued() const;    // bytes that wait for the peer, of all streams
  ByteStream& transport();

 private:
  LocalPtr<H2Connection> connection_;
  Chunk initial_;
};

}  // namespace meshd
