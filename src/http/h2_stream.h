// SPDX-License-Identifier: Apache-2.0
// h2_stream.h: one HTTP/2 stream; its DATA as a ByteStream. Heads are on H2ServerStream and H2ClientStream.
//
// Flow control follows the reader: the peer may send one stream window ahead of read(), so a slow reader
// stops exactly its own writer. A stream may outlive its connection; it is then broken with the
// connection's error (what had arrived can still be read).
#pragma once
#include <cstdint>
#include <memory>
#include <optional>

#include "http/fields.h"
#include "net/byte_stream.h"

namespace meshd {

class H2Connection;

class H2Stream : public ByteStream {
 public:
  // A stream that has not ended both ways is reset: CANCEL; NO_ERROR by a server that has sent all.
  // As with every ByteStream, nobody may be waiting on it: close it and let the waiters come back first.
  ~H2Stream() override;
  // From the loop's slab: a stream must be destroyed on its thread, as all of it must be used there.
  static void* operator new(size_t size);
  static void operator delete(void* p, size_t size);

  // DATA as it came: slices of what the transport read. Empty: END_STREAM; then trailers() is settled.
  // Errors: reset (reset_code() tells which), refused (the peer did not process the stream: safe to send
  // again), closed (reset without an error, after a full response), or the connection's error.
  Await<Result<Chunk>> read() override;
  // Done at once while less than H2Options::stream_outbox bytes wait for the peer's window.
  Await<Result<size_t>> write(Chunks chunks) override;
  using ByteStream::write;
  // END_STREAM. Done when the frame has been made.
  Await<Result<>> finish() override;
  // finish(), with trailer fields.
  Await<Result<>> send_trailers(const Fields& trailers);
  // RST_STREAM with the code that h2_code() gives for `why`.
  void close(Error why) override;
  // RST_STREAM with this code.
  void close(Error why, uint32_t code);
  // What the destructor does, for a stream that is not destroyed yet: nothing more is wanted of the peer, and what
  // has been sent in full stays so. Whoever waits learns `why`.
  void abandon(Error why);
  // Reading is given up, writing goes on: a waiting read completes with `why`, what comes is dropped, and the peer's
  // window stays closed.
  void stop_reading(Error why);
  bool ready() const override;
  size_t queued() const override { return outbox_.size(); }

  int32_t id() const { return id_; }
  // Trailer fields of the peer; null before the end and where there were none.
  const Fields* trailers() const { return in_ended_ ? trailers_.get() : nullptr; }
  // The peer's END_STREAM has come, though bytes may be left to read.
  bool peer_finished() const { return in_ended_; }
  // Code of the peer's RST_STREAM.
  std::optional<uint32_t> reset_code() const { return reset_code_; }
  // Why the stream is broken, where it is.
  const std::optional<Error>& broken() const { return broken_; }

  // Called once when the stream breaks otherwise than by close(): reset by the peer or lost with its
  // connection. From the loop's ready work, never from within a call on this stream.
  using OnBroken = void (*)(void* context, Error why);
  void on_broken(OnBroken call, void* context) {
    on_broken_ = call;
    on_broken_context_ = context;
  }

 protected:
  H2Stream() = default;
  friend class H2Connection;

  // By H2Connection, for each block of header fields from the peer.
  virtual void field(std::string_view name, std::string_view value) = 0;
  // The block is whole. False: the stream is to be reset as malformed.
  virtual bool end_fields(bool end_stream) = 0;
  // Completes what else waits.
  virtual void broke(Error why) { (void)why; }

  void add_trailer(std::string_view name, std::string_view value);
  void take_data(Chunk bytes);
  void take_end();
  void break_with(Error why);
  void end_framed();    // END_STREAM is on its way
  void outbox_moved();  // DATA was framed
  Await<Result<>> end_writing();

  H2Connection* connection_ = nullptr;  // null once nothing can be sent any more
  H2Stream* next_ = nullptr;            // of the connection's open streams
  H2Stream** prev_ = nullptr;
  int32_t id_ = 0;
  bool in_ended_ = false;   // END_STREAM came
  bool out_ended_ = false;  // END_STREAM was framed
  bool finish_asked_ = false;
  bool answered_ = false;       // the head alone is the whole answer
  bool deferred_ = false;       // nghttp2 waits for resume_data
  bool is_connect_ = false;     // a tunnel: other reset codes, no stall limit
  bool too_large_ = false;      // the block of fields was cut short
  bool fault_counted_ = false;  // its reset was charged to the peer already
  bool moved_ = false;          // DATA was framed since the last sweep
  bool stalled_ = false;        // nothing moved between the last two sweeps
  bool sent_ = false;           // a frame of ours is on its way: the peer may know of the stream
  ChunkQueue inbox_;            // came, not read
  ChunkQueue outbox_;           // written, not framed
  size_t write_size_ = 0;       // of the waiting write
  Op<Result<Chunk>> read_op_;
  Op<Result<size_t>> write_op_;
  Op<Result<>> finish_op_;
  std::unique_ptr<Fields> trailers_;      // received
  std::unique_ptr<Fields> out_trailers_;  // to be sent
  std::optional<uint32_t> reset_code_;
  std::optional<Error> broken_;
  std::optional<Error> unread_;  // why nobody reads
  OnBroken on_broken_ = nullptr;
  void* on_broken_context_ = nullptr;
};

// The RST_STREAM code for an error of ours (RFC 9113 section 7).
uint32_t h2_code(const Error& why, bool connect);
// The error that a received code stands for.
Error h2_error(uint32_t code, Side side);

}  // namespace meshd
