// SPDX-License-Identifier: Apache-2.0
// h1_link.h: one HTTP/1 connection as both ends share it: its stream, the bytes that came and were not parsed,
// and the content of the message being received.
//
// At most one read is in flight, in a small task of its own, so that whoever waits for bytes can be told
// otherwise (deadline, drain) and the connection still knows what came. The link is counted: by its server
// or client, by the task that reads, and by a body that somebody still holds.
#pragma once
#include <memory>
#include <optional>

#include "base/local_ptr.h"
#include "http/h1_chunked.h"
#include "http/message.h"
#include "http/semantics.h"
#include "loop/loop.h"
#include "net/byte_stream.h"

namespace meshd {

class H1Body;

class H1Link : public LocalCounted {
 public:
  // `peer` is the side whose messages are received here.
  H1Link(std::unique_ptr<ByteStream> stream, Side peer, milliseconds body_stall);
  H1Link(const H1Link&) = delete;
  H1Link& operator=(const H1Link&) = delete;
  virtual ~H1Link();

  ByteStream& stream() { return *stream_; }
  Side peer() const { return peer_; }

  // ---- bytes between messages
  // Came and not parsed. Whoever parses takes from the front.
  Chunk& bytes() { return bytes_; }
  // Waits until there are bytes: true, or the peer's end: false. Errors: the stream's, or interrupt's.
  Await<Result<bool>> more();
  // A waiting more() fails with `why`; the connection stays.
  void interrupt(Error why);
  // Reads ahead although nobody waits; unasked() tells.
  void watch();
  bool at_end() const { return at_end_ && bytes_.empty(); }
  const std::optional<Error>& broken() const { return broken_; }
  // Ends both directions; content that is still missing fails with `why`.
  void close(Error why);

  // ---- content of the message whose head was just parsed
  // `held`: nothing is given before release().
  std::unique_ptr<Body> open_body(const Framing& framing, bool held = false);
  // What was held begins to flow, or (false) ends empty.
  void release(bool flow);
  // All of it has been taken from the stream, or there was none.
  bool message_ended() const { return ended_; }
  bool message_failed() const { return failed_; }
  // How much is missing, where that is known.
  std::optional<uint64_t> missing() const;
  // Takes the body away from whoever holds it, who sees `why`, and throws away at most `max` more bytes.
  // True: the message has ended and the connection is at the next one.
  Task<bool> discard(size_t max, Error why);
  // Somebody holds the content's Body.
  bool body_held() const { return body_ != nullptr; }
  // True once after each time something moved; for idle timeouts.
  bool moved() { return std::exchange(moved_, false); }
  void note_moved() { moved_ = true; }

  // ---- a small head between everything else that is written, such as 100 (Continue)
  void write_early(Chunk head);
  // Whoever writes waits for this first.
  Await<bool> early_written();

 protected:
  virtual void body_wanted() {}                        // first pull
  virtual void body_ended() {}                         // the message was received to its end
  virtual void body_dropped(Error why) { (void)why; }  // it failed, or its reader gave up before the end
  virtual void unasked() {}                            // bytes, the end or an error came and nobody waited

 private:
  friend class H1Body;
  static Task<void> read_some(LocalPtr<H1Link> self);
  static Task<void> write_apart(LocalPtr<H1Link> self, Chunk head);
  static void stalled(void* self);
  void start_read();
  void arrived(Result<Chunk> got);
  Await<Result<Chunk>> pull(H1Body& body);
  Result<Chunk> take();
  void deliver();
  void message_end();
  void tell_end();
  void fail_body(Error why);
  void detach_body(Error why);
  void drop_body(Error why);

  std::unique_ptr<ByteStream> stream_;
  Side peer_;
  bool reading_ = false;
  bool at_end_ = false;
  bool closed_ = false;
  bool moved_ = false;
  bool held_ = false;
  bool wanted_ = false;
  bool ended_ = true;
  bool end_told_ = true;
  bool failed_ = false;
  bool early_ = false;
  bool raw_ = false;  // a tunnel: no stall limit
  BodyKind kind_ = BodyKind::none;
  milliseconds body_stall_;
  uint64_t left_ = 0;
  Chunk bytes_;
  std::optional<Error> broken_;
  H1Body* body_ = nullptr;  // the handle of this message's content, while somebody holds it
  ChunkedDecoder chunked_;
  Chunk early_more_;  // small heads that came while another was being written
  Op<Result<bool>> more_op_;
  Op<bool> early_op_;
  Timer stall_timer_{&H1Link::stalled, this};
};

}  // namespace meshd
