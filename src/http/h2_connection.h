// SPDX-License-Identifier: Apache-2.0
// h2_connection.h: what server and client connections share: the transport, the nghttp2 session, the open
// streams. Internal to h2_*.cc.
//
//   reader:  transport.read() → receive() → nghttp2 callbacks fill inboxes and Ops → deliver()
//   writer:  turn_end() → produce() asks nghttp2 for frames → one transport.write(); none before it is taken
//
// nghttp2's callbacks (h2_session.cc) run no code of others: what is for handlers, observers and on_broken waits for
// deliver(), which runs when nghttp2 is not on the stack.
//
// Counted: held by its H2Server or H2Client and by the tasks that wait for the transport. Streams hold a
// plain pointer, which is nulled when the stream or the connection ends.
#pragma once
#include <sys/types.h>

#include <memory>
#include <optional>
#include <vector>

#include "base/local_ptr.h"
#include "http/h2_budget.h"
#include "http/h2_client.h"
#include "http/h2_frame_scan.h"
#include "http/h2_options.h"
#include "http/h2_server.h"
#include "http/h2_stream.h"
#include "http/h2_stream_ids.h"
#include "loop/loop.h"

struct nghttp2_session;

namespace meshd {

// The nghttp2_mem for sessions (h2_memory.cc); that type has no name to declare.
void* h2_memory();

class H2Connection final : public LocalCounted, private TurnEnd {
 public:
  enum class Role : uint8_t { server, client };
  H2Connection(Role role, std::unique_ptr<ByteStream> transport, const H2Options& options);
  ~H2Connection();

  // ---- h2_connection.cc: life
  // The reader: until the transport has ended.
  static Task<Error> run(LocalPtr<H2Connection> self, Chunk initial);
  void drain();
  // GOAWAY with the code that fits `why`, then the end.
  void close(Error why);
  bool open() const { return state_ == State::open; }
  bool closed() const { return state_ == State::closed; }
  size_t streams() const { return stream_count_; }
  size_t available() const;
  bool extended_connect() const;
  size_t queued() const;  // bytes that wait for the peer, of all streams
  // Waits for the peer's SETTINGS; then extended CONNECT may be sent. Errors: unsupported, where the peer does not take
  // it; refused, where the connection ended; the reason of `cancellation`, which may be null.
  static Task<Result<>> extended_connect_offered(LocalPtr<H2Connection> self, Cancellation* cancellation);

  // ---- h2_output.cc: what streams ask for
  Result<int32_t> submit_request(H2ClientStream& s, const RequestHead& head, bool end,
                                 std::optional<uint64_t> length);
  Result<> submit_response(H2ServerStream& s, const ResponseHead& head, bool end,
                           std::optional<uint64_t> length);
  Result<> submit_interim(H2ServerStream& s, const ResponseHead& head);
  // There is more to write, or the end.
  void resume(H2Stream& s);
  // The reader took `bytes`: the peer may send as many again.
  void give_window(H2Stream& s, size_t bytes);
  // RST_STREAM; the stream is forgotten.
  void reset(H2Stream& s, uint32_t code);
  // The stream object goes away.
  void drop(H2Stream& s);

  // How many bytes of the outbox go into the next DATA frame.
  ssize_t next_data(H2Stream& s, size_t length, uint32_t& flags);

  // Set by the owner, read here.
  // Opaque data of the PING between the two GOAWAYs of a drain.
  static constexpr uint8_t kDrainMark[8] = {'d', 'r', 'a', 'i', 'n'};

  const H2Options options;
  const Role role;
  H2Handler* handler = nullptr;
  H2Client* client = nullptr;
  H2ClientObserver* observer = nullptr;
  uint64_t served = 0;
  ByteStream& transport() { return *transport_; }
  Side side() const { return role == Role::server ? Side::client : Side::upstream; }
  nghttp2_session* session() const { return session_; }
  bool going_away() const { return state_ != State::open || draining_ || goaway_seen_; }

 private:
  enum class State : uint8_t { open, closing, closed };  // closing: GOAWAY and FIN are on their way
  struct Callbacks;                                      // h2_session.cc: what nghttp2 calls
  friend struct Callbacks;

  // ---- h2_session.cc
  nghttp2_session* make_session();
  void submit_settings();
  bool charge(H2Budget& budget);
  int fault(uint32_t code);
  bool is_closed(uint32_t id) const;
  int64_t initial_window() const;
  int64_t widest_window() const;
  ssize_t feed(std::string_view bytes);

  // ---- h2_connection.cc
  void receive(const Chunk& bytes);
  void deliver();
  void turn_end() override;
  void wrote(Result<size_t> taken);
  static Task<void> wait_written(LocalPtr<H2Connection> self, Await<Result<size_t>> write);
  static Task<void> finish_transport(LocalPtr<H2Connection> self);
  void schedule() { loop_.at_turn_end(*this); }
  void check_end();
  void end(Error why, uint32_t code);
  void end_for_fault(uint32_t code);
  void start_closing(Error why);
  void gone(Error why);
  void break_all(Error why);
  void link(H2Stream& s);
  void unlink(H2Stream& s);
  void lose(H2Stream& s, Error why);
  void final_goaway();
  void on_ping_timer();
  void on_stall_timer();
  void on_deadline();
  void on_head_timer();
  void streams_changed();
  void wake_settling();

  // ---- h2_output.cc
  bool produce(Chunks& out);
  void gather(const void* bytes, size_t n);
  void append(ChunkQueue& from, size_t n);
  void flush_gathered();

  Loop& loop_;
  std::unique_ptr<ByteStream> transport_;
  nghttp2_session* session_ = nullptr;
  State state_ = State::open;
  bool writing_ = false;  // the transport has not taken the last write
  bool draining_ = false;
  bool final_goaway_sent_ = false;
  bool goaway_seen_ = false;
  bool settled_ = false;  // the peer's SETTINGS came
  bool heard_ = false;    // bytes came since the ping timer looked
  bool ping_out_ = false;
  bool changed_ = false;    // the observer has something to hear
  bool finishing_ = false;  // finish_transport was started
  bool finished_ = false;   // and our end has been handed down
  bool send_failed_ = false;
  bool input_ended_ = false;
  std::optional<uint32_t> fault_;  // a callback found this; it ends the connection
  H2StreamIds ids_;                // of a server: the peer's
  H2ResetIds reset_ids_;
  H2FrameScan scan_;
  int64_t windows_beyond_ = 0;    // how far stream windows were beyond their initial size when SETTINGS began
  uint32_t last_sent_id_ = 0;     // of a client: the last request on its way
  size_t streams_refused_ = 0;    // since deliver(): more than we allow
  size_t streams_malformed_ = 0;  // reset before the handler saw them
  std::optional<Error> why_;      // why the connection ended, once known
  Op<bool> ended_;                // run() waits for the writer's end
  std::vector<Op<Result<>>*> settling_;  // those who wait for the peer's SETTINGS

  H2Stream* streams_ = nullptr;                            // open ones that somebody holds
  H2Stream* broken_ = nullptr;                             // on_broken is due
  size_t stream_count_ = 0;                                // open at nghttp2, held or not
  std::unique_ptr<H2ServerStream> incoming_;               // its head is not whole yet
  std::vector<std::unique_ptr<H2ServerStream>> accepted_;  // for the handler
  size_t discarded_ = 0;                                   // bytes that came while closing
  size_t block_bytes_ = 0, block_fields_ = 0;              // of the field block being received

  const Chunk* input_ = nullptr;  // what receive() is working on
  Chunks* out_ = nullptr;         // what produce() is filling
  size_t out_bytes_ = 0;
  bool out_full_ = false;
  bool exact_blocks_ = false;  // the peer is slow: small pieces must not pin large blocks

  H2Budget resets_, faults_, noise_;
  int32_t update_credit_ = 64;  // WINDOW_UPDATE frames that what we sent explains
  Timer ping_timer_, idle_timer_, stall_timer_, head_timer_, deadline_;
};

}  // namespace meshd
