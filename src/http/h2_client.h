// SPDX-License-Identifier: Apache-2.0
// h2_client.h: the client's end of an HTTP/2 connection: streams for tunnels (open), whole exchanges (call).
#pragma once
#include <memory>
#include <vector>

#include "base/local_ptr.h"
#include "http/h2_options.h"
#include "http/h2_stream.h"
#include "http/message.h"

namespace meshd {

class H2ClientStream final : public H2Stream {
 public:
  ~H2ClientStream() override;

  // The next head: interim ones (1xx) as they come, then the final one. Not to be called again after that.
  // Errors: as read(); refused where the peer certainly did not process the request.
  Await<Result<ResponseHead>> response();
  // The same in two steps: waits for the next head, then hands it over.
  Await<Result<>> head_ready();
  ResponseHead take_head();
  // The response has no content: END_STREAM came with its head. Known once response() gave the final head.
  bool no_content() const { return no_content_; }

 private:
  friend class H2Connection;
  void field(std::string_view name, std::string_view value) override;
  static Task<Result<ResponseHead>> wait_response(H2ClientStream& s);
  bool end_fields(bool end_stream) override;
  void broke(Error why) override;

  ResponseHead building_;                             // being received, or the last that came
  std::vector<std::unique_ptr<ResponseHead>> heads_;  // before it, not taken yet
  Op<Result<>> head_op_;
  uint8_t interims_ = 0;
  bool whole_ = false;  // building_ is complete and not taken
  bool final_seen_ = false;
  bool no_content_ = false;
};

class H2Client;

// Hears of changes that matter to a pool. Called from the loop's ready work; may destroy the client.
class H2ClientObserver {
 public:
  // A stream ended, the peer's limit changed, the connection is going away or gone.
  virtual void h2_changed(H2Client& client) = 0;

 protected:
  ~H2ClientObserver() = default;
};

class H2Client final : public Service {
 public:
  // Sends the preface with this turn's writes; requests can follow at once.
  H2Client(std::unique_ptr<ByteStream> stream, const H2Options& options);
  // Closes the connection; streams that are still held break with `cancelled`.
  ~H2Client() override;

  // Sends a request head; `end`: without content; `length`: becomes content-length.
  // Errors: refused (no stream can be opened here: take another connection), invalid_argument.
  Result<std::unique_ptr<H2ClientStream>> open(const RequestHead& head, bool end,
                                               std::optional<uint64_t> length = std::nullopt);

  // A whole exchange. The request's body is sent by a task of its own, so that a response may come before
  // the body ends. Errors (side upstream): refused where it is safe to send the request elsewhere.
  Task<Result<Response>> call(Request& request) override;

  // How many streams can be opened now; 0 when going away or closed.
  size_t available() const;
  size_t streams() const;  // open now
  bool idle() const { return streams() == 0; }
  bool going_away() const;  // GOAWAY seen, drained, or closed
  bool closed() const;
  // The peer takes extended CONNECT (RFC 8441).
  bool extended_connect() const;

  // No new streams; when the last has ended the connection closes.
  void drain();
  void close(Error why);
  void observe(H2ClientObserver* observer);
  ByteStream& transport();

 private:
  LocalPtr<H2Connection> connection_;
};

}  // namespace meshd
