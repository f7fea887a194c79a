// SPDX-License-Identifier: Apache-2.0
// h2_connection.cc: the life of an HTTP/2 connection: reading, writing once per turn, draining, ending.
#include "http/h2_connection.h"

#include <nghttp2/nghttp2.h>

#include <cassert>

namespace meshd {
namespace {

// How long a peer may take to answer the PING between the two GOAWAYs of a drain.
constexpr milliseconds kDrainPing{1'000};

// What is read of a peer that has not seen the end yet; a flood is cut off.
constexpr size_t kLingerBytes = 256 * 1024;

template <void (H2Connection::*call)()>
void fire(void* self) {
  (static_cast<H2Connection*>(self)->*call)();
}

// GOAWAY's code for an end of ours.
uint32_t goaway_code(const Error& why) {
  switch (why.code) {
    case Errc::protocol: return NGHTTP2_PROTOCOL_ERROR;
    case Errc::flood:
    case Errc::limit: return NGHTTP2_ENHANCE_YOUR_CALM;
    case Errc::internal: return NGHTTP2_INTERNAL_ERROR;
    default: return NGHTTP2_NO_ERROR;
  }
}

}  // namespace

H2Connection::H2Connection(Role r, std::unique_ptr<ByteStream> transport, const H2Options& o)
    : options(o),
      role(r),
      loop_(Loop::current()),
      transport_(std::move(transport)),
      reset_ids_(o.streams_max),
      scan_(r == Role::server ? NGHTTP2_CLIENT_MAGIC_LEN : 0),
      resets_(o.resets),
      faults_(o.faults),
      noise_(o.noise),
      ping_timer_(fire<&H2Connection::on_ping_timer>, this),
      idle_timer_(fire<&H2Connection::drain>, this),
      stall_timer_(fire<&H2Connection::on_stall_timer>, this),
      head_timer_(fire<&H2Connection::on_head_timer>, this),
      deadline_(fire<&H2Connection::on_deadline>, this) {
  session_ = make_session();
  submit_settings();
  schedule();
  if (options.ping_after.count() > 0) ping_timer_.start(options.ping_after);
  if (role == Role::server) head_timer_.start(options.head_timeout);
  streams_changed();
}

H2Connection::~H2Connection() {
  incoming_.reset();
  accepted_.clear();
  break_all({Errc::cancelled, Side::self, "connection destroyed"});
  while (broken_ != nullptr) unlink(*broken_);
  loop_.forget(*this);
  nghttp2_session_del(session_);
}

// ---- reading

Task<Error> H2Connection::run(LocalPtr<H2Connection> self, Chunk initial) {
  if (!initial.empty()) self->receive(initial);
  while (self->state_ != State::closed) {
    Result<Chunk> bytes = co_await self->transport_->read();
    if (!bytes) {
      self->gone(bytes.error());
    } else if (bytes->empty()) {
      self->input_ended_ = true;
      // What was made for the peer already still goes out to it.
      if (self->state_ == State::open)
        self->end({Errc::closed, self->side(), "the peer closed the connection"}, 0);
      if (self->finished_) self->gone(*self->why_);
      break;
    } else if (self->state_ == State::open) {
      self->receive(*bytes);
    } else if ((self->discarded_ += bytes->size()) > kLingerBytes) {
      self->gone(*self->why_);
    }
  }
  self->deliver();
  while (self->state_ != State::closed) co_await self->ended_;
  self->deliver();
  co_return self->why_.value_or(Error{Errc::closed, self->side(), "connection closed"});
}

void H2Connection::receive(const Chunk& bytes) {
  heard_ = true;
  input_ = &bytes;
  ssize_t n = feed(bytes.view());
  input_ = nullptr;
  if (n == NGHTTP2_ERR_FLOODED || n == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS) fault_ = NGHTTP2_ENHANCE_YOUR_CALM;
  if (fault_)
    end_for_fault(*fault_);
  else if (n == NGHTTP2_ERR_NOMEM)
    end({Errc::exhausted, Side::self, "out of memory"}, NGHTTP2_INTERNAL_ERROR);
  else if (n < 0)
    end({Errc::protocol, side(), "not HTTP/2"}, NGHTTP2_PROTOCOL_ERROR);
  // The preface with its SETTINGS, and each head, must be whole in time (slow loris).
  if (role == Role::server && state_ == State::open) {
    bool partial = !settled_ || incoming_ != nullptr;
    if (!partial)
      head_timer_.stop();
    else if (!head_timer_.armed())
      head_timer_.start(options.head_timeout);
  }
  deliver();
  schedule();
}

// Hands over what callbacks left: requests to the handler, breaks to their owners, changes to the observer.
// Any of them may destroy streams and the owner of this connection; the caller holds the connection.
void H2Connection::deliver() {
  while (!accepted_.empty()) {
    auto accepted = std::exchange(accepted_, {});
    for (auto& s : accepted) {
      // Reset before anybody saw it: nothing is started for it.
      if (s->broken_ || handler == nullptr || state_ != State::open) continue;
      ++served;
      handler->on_stream(std::move(s));
    }
  }
  while (broken_ != nullptr) {
    H2Stream& s = *broken_;
    unlink(s);
    if (s.on_broken_ != nullptr) std::exchange(s.on_broken_, nullptr)(s.on_broken_context_, *s.broken_);
  }
  size_t refused = std::exchange(streams_refused_, 0), malformed = std::exchange(streams_malformed_, 0);
  if (handler != nullptr && refused > 0)
    handler->on_refused({Errc::limit, side(), "more streams at once than allowed"}, refused);
  if (handler != nullptr && malformed > 0)
    handler->on_refused({Errc::protocol, side(), "a malformed HTTP/2 request"}, malformed);
  if (std::exchange(changed_, false) && observer != nullptr && client != nullptr)
    observer->h2_changed(*client);
}

// ---- writing

void H2Connection::turn_end() {
  LocalPtr<H2Connection> hold(this);
  if (!writing_ && state_ != State::closed) {
    Chunks out;
    bool more = produce(out);
    if (send_failed_) gone({Errc::internal, Side::self, "nghttp2 makes no frames"});
    if (fault_ && state_ == State::open) {
      end_for_fault(*fault_);
      more = true;
    }
    if (!out.empty() && state_ != State::closed) {
      writing_ = true;
      if (more) schedule();
      Await<Result<size_t>> write = transport_->write(std::move(out));
      if (write.await_ready())
        wrote(write.await_resume());
      else
        start(wait_written(hold, std::move(write)));
    } else if (state_ != State::closed) {
      if (more) schedule();
      check_end();
    }
  }
  deliver();
}

Task<void> H2Connection::wait_written(LocalPtr<H2Connection> self, Await<Result<size_t>> write) {
  Result<size_t> taken = co_await write;
  self->wrote(taken);
  if (self->state_ != State::closed) self->schedule();
}

void H2Connection::wrote(Result<size_t> taken) {
  writing_ = false;
  if (!taken)
    gone(taken.error());
  else
    check_end();
}

// ---- ending

// Is there nothing left to be said or heard? Then the transport is finished.
void H2Connection::check_end() {
  if (writing_ || nghttp2_session_want_write(session_) != 0) return;
  if (state_ == State::open) {
    if (draining_ && role == Role::client && stream_count_ == 0)
      return end({Errc::closed, Side::self, "drained"}, NGHTTP2_NO_ERROR);
    if (nghttp2_session_want_read(session_) != 0) return;
    start_closing(why_.value_or(Error{Errc::closed, side(), "closed in order"}));
  }
  if (state_ == State::closing && !finishing_) {
    finishing_ = true;
    spawn(finish_transport(LocalPtr<H2Connection>(this)));
  }
}

// GOAWAY, our end, and then the peer's: closing before the peer has read all could destroy what is on its way.
Task<void> H2Connection::finish_transport(LocalPtr<H2Connection> self) {
  if (self->state_ == State::closed) co_return;
  Result<> finished = co_await self->transport_->finish();
  self->finished_ = true;
  if (!finished || self->input_ended_) self->gone(*self->why_);
}

void H2Connection::start_closing(Error why) {
  state_ = State::closing;
  if (!why_) why_ = why;
  ping_timer_.stop();
  idle_timer_.stop();
  stall_timer_.stop();
  head_timer_.stop();
  deadline_.start(kLinger);
  changed_ = true;
  wake_settling();
  break_all(why);
}

void H2Connection::end(Error why, uint32_t code) {
  if (state_ != State::open) return;
  nghttp2_session_terminate_session(session_, code);
  start_closing(why);
  schedule();
}

void H2Connection::end_for_fault(uint32_t code) {
  if (code == NGHTTP2_ENHANCE_YOUR_CALM)
    end({Errc::flood, side(), "the peer makes too much work for nothing"}, code);
  else
    end({Errc::protocol, side(), "HTTP/2 protocol error"}, code);
}

void H2Connection::close(Error why) { end(why, goaway_code(why)); }

void H2Connection::gone(Error why) {
  if (state_ == State::closed) return;
  if (state_ == State::open) start_closing({why.code, side(), why.why});
  state_ = State::closed;
  changed_ = true;
  deadline_.stop();
  transport_->close(*why_);
  if (ended_.waiting()) ended_.complete(true);
}

void H2Connection::on_deadline() {
  if (state_ == State::open)
    final_goaway();
  else
    gone({Errc::timeout, side(), "the peer did not close"});
}

// ---- draining

void H2Connection::drain() {
  if (draining_ || state_ != State::open) return;
  draining_ = true;
  changed_ = true;
  if (role == Role::server) {
    // What the client sends before it has seen this is still served (RFC 9113 section 6.8).
    nghttp2_submit_shutdown_notice(session_);
    nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, kDrainMark);
    deadline_.start(kDrainPing);
  }
  schedule();
}

void H2Connection::final_goaway() {
  if (final_goaway_sent_ || state_ != State::open) return;
  final_goaway_sent_ = true;
  deadline_.stop();
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                        NGHTTP2_NO_ERROR, nullptr, 0);
  schedule();
}

// ---- streams

void H2Connection::link(H2Stream& s) {
  s.next_ = streams_;
  s.prev_ = &streams_;
  if (streams_ != nullptr) streams_->prev_ = &s.next_;
  streams_ = &s;
}

void H2Connection::unlink(H2Stream& s) {
  if (s.prev_ == nullptr) return;
  *s.prev_ = s.next_;
  if (s.next_ != nullptr) s.next_->prev_ = s.prev_;
  s.prev_ = nullptr;
  s.next_ = nullptr;
}

// The stream breaks otherwise than by its owner.
void H2Connection::lose(H2Stream& s, Error why) {
  unlink(s);
  s.connection_ = nullptr;
  s.break_with(why);
  if (s.on_broken_ == nullptr) return;
  s.next_ = broken_;
  s.prev_ = &broken_;
  if (broken_ != nullptr) broken_->prev_ = &s.next_;
  broken_ = &s;
  schedule();
}

void H2Connection::break_all(Error why) {
  while (streams_ != nullptr) {
    H2Stream& s = *streams_;
    if (state_ != State::closed) nghttp2_session_set_stream_user_data(session_, s.id_, nullptr);
    // A request that never left can be sent elsewhere, whatever happened to the connection.
    bool unsent = role == Role::client && !s.sent_;
    lose(s, unsent ? Error{Errc::refused, side(), "the connection ended before the request was sent"} : why);
  }
}

size_t H2Connection::available() const {
  if (going_away() || nghttp2_session_check_request_allowed(session_) == 0) return 0;
  if (nghttp2_session_get_next_stream_id(session_) > INT32_MAX) return 0;
  uint32_t allowed = nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  allowed = std::min(allowed, options.streams_max);
  return allowed > stream_count_ ? allowed - stream_count_ : 0;
}

size_t H2Connection::queued() const {
  size_t n = transport_->queued();
  for (const H2Stream* s = streams_; s != nullptr; s = s->next_) n += s->outbox_.size();
  return n;
}

bool H2Connection::extended_connect() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

void H2Connection::wake_settling() {
  for (Op<Result<>>* op : std::exchange(settling_, {}))
    if (!op->filled()) op->complete(Result<>());
}

Task<Result<>> H2Connection::extended_connect_offered(LocalPtr<H2Connection> self,
                                                      Cancellation* cancellation) {
  if (!self->settled_ && self->state_ == State::open) {
    Op<Result<>> came;
    self->settling_.push_back(&came);
    auto give_up = [](void* op, Error why) {
      auto& waiting = *static_cast<Op<Result<>>*>(op);
      if (!waiting.filled()) waiting.complete(fail(why));
    };
    if (cancellation != nullptr) cancellation->arm(give_up, &came);
    Result<> waited = co_await came;
    if (cancellation != nullptr) cancellation->disarm();
    std::erase(self->settling_, &came);
    if (!waited) co_return waited;
  }
  if (self->state_ != State::open || self->client == nullptr)
    co_return fail(Errc::refused, Side::upstream, "the connection ended before the request was sent");
  if (!self->extended_connect())
    co_return fail(Errc::unsupported, Side::upstream, "the upstream takes no WebSocket over HTTP/2");
  co_return Result<>();
}

void H2Connection::streams_changed() {
  changed_ = true;
  if (options.idle_timeout.count() > 0) {
    if (stream_count_ == 0)
      idle_timer_.start(options.idle_timeout);
    else if (idle_timer_.armed())
      idle_timer_.stop();
  }
  if (options.stall_timeout.count() > 0 && stream_count_ > 0 && !stall_timer_.armed())
    stall_timer_.start(options.stall_timeout / 2);
}

// ---- timers

void H2Connection::on_head_timer() {
  end({Errc::slow_head, side(), "a head takes too long"}, NGHTTP2_NO_ERROR);
}

void H2Connection::on_ping_timer() {
  if (std::exchange(heard_, false)) {
    ping_timer_.start(options.ping_after);
  } else if (!std::exchange(ping_out_, true)) {
    nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
    schedule();
    ping_timer_.start(options.ping_timeout);
  } else {
    LocalPtr<H2Connection> hold(this);
    gone({Errc::timeout, side(), "the peer answers no PING"});
  }
}

// Twice in the stall time: a stream that moved nothing of what waits since the last look is reset.
void H2Connection::on_stall_timer() {
  for (H2Stream *s = streams_, *next; s != nullptr; s = next) {
    next = s->next_;
    bool moved = std::exchange(s->moved_, false);
    if (s->outbox_.empty() || moved || s->is_connect_) {
      s->stalled_ = false;
    } else if (s->stalled_) {
      nghttp2_session_set_stream_user_data(session_, s->id_, nullptr);
      nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, s->id_, NGHTTP2_CANCEL);
      lose(*s, {Errc::stalled, side(), "the peer takes no data"});
      schedule();
    } else {
      s->stalled_ = true;
    }
  }
  if (stream_count_ > 0) stall_timer_.start(options.stall_timeout / 2);
}

}  // namespace meshd
