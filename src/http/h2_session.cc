// SPDX-License-Identifier: Apache-2.0
// h2_session.cc: the nghttp2 session of a connection, and what it calls while frames come in and go out.
// Nothing here calls code of others; see h2_connection.h.
#include <nghttp2/nghttp2.h>

#include <cassert>
#include <cstring>

#include "http/h2_connection.h"

namespace meshd {
namespace {

// A block of fields this many times over its limit is not worth decoding to its end (HPACK bomb).
constexpr size_t kHopeless = 4;
// RFC 9113 section 6.5.2 counts so much for each field besides its bytes.
constexpr size_t kFieldOverhead = 32;
// WINDOW_UPDATE frames that a DATA frame or a stream of ours explains; Envoy allows 10.
constexpr int32_t kUpdatesPerFrame = 4;
constexpr int32_t kUpdateCreditMax = 100'000;

H2Connection& self_of(void* user) { return *static_cast<H2Connection*>(user); }

H2Stream* stream_of(nghttp2_session* session, int32_t id) {
  return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session, id));
}

std::string_view text(const uint8_t* p, size_t n) { return {reinterpret_cast<const char*>(p), n}; }

}  // namespace

struct H2Connection::Callbacks {
  // Every frame's header, before its payload: the place to count.
  static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* hd, void* user) {
    H2Connection& self = self_of(user);
    bool within = true;
    auto id = static_cast<uint32_t>(hd->stream_id);
    switch (hd->type) {
      case NGHTTP2_DATA:
        if (hd->length == 0 && (hd->flags & NGHTTP2_FLAG_END_STREAM) == 0) within = self.charge(self.noise_);
        break;
      case NGHTTP2_HEADERS:
        if (self.role == Role::server && id % 2 == 1) {
          bool opens = !self.ids_.known(id);
          if (!self.ids_.open(id)) return self.fault(NGHTTP2_PROTOCOL_ERROR);
          if (opens) break;
        }
        if (self.is_closed(id)) return self.fault(NGHTTP2_STREAM_CLOSED);
        break;
      case NGHTTP2_SETTINGS:
        self.windows_beyond_ = self.widest_window() - self.initial_window();
        within = self.charge(self.noise_);
        break;
      case NGHTTP2_PRIORITY:
        if (id == 0) return self.fault(NGHTTP2_PROTOCOL_ERROR);
        within = self.charge(self.noise_);
        break;
      case NGHTTP2_RST_STREAM: within = self.charge(self.resets_); break;
      case NGHTTP2_WINDOW_UPDATE:
        if (--self.update_credit_ < 0) {
          self.update_credit_ = 0;
          within = self.charge(self.noise_);
        }
        break;
      case NGHTTP2_CONTINUATION:
        break;  // nghttp2 takes 8 a block
      // Whoever answers a request of ours has read that we take none.
      case NGHTTP2_PUSH_PROMISE: return self.fault(NGHTTP2_PROTOCOL_ERROR);
      default: within = self.charge(self.noise_);
    }
    return within ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    H2Connection& self = self_of(user);
    self.block_bytes_ = self.block_fields_ = 0;
    int32_t id = frame->hd.stream_id;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      self.incoming_ = std::make_unique<H2ServerStream>();
      H2Stream& s = *self.incoming_;
      s.id_ = id;
      s.connection_ = &self;
      self.link(s);
      ++self.stream_count_;
      self.streams_changed();
      nghttp2_session_set_stream_user_data(session, id, &s);
      // Streams share the connection by turns; what clients ask for in `priority` is advice (RFC 9218).
      nghttp2_extpri fair{NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};
      nghttp2_session_change_extpri_stream_priority(session, id, &fair, 1);
      self.update_credit_ = std::min(self.update_credit_ + kUpdatesPerFrame, kUpdateCreditMax);
    }
    if (H2Stream* s = stream_of(session, id)) s->too_large_ = false;
    return 0;
  }

  static int header(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                    size_t name_size, const uint8_t* value, size_t value_size, uint8_t, void* user) {
    H2Connection& self = self_of(user);
    self.block_bytes_ += name_size + value_size + kFieldOverhead;
    ++self.block_fields_;
    if (self.block_bytes_ > self.options.head_bytes_max * kHopeless) {
      return self.fault(NGHTTP2_ENHANCE_YOUR_CALM);
    }
    H2Stream* s = stream_of(session, frame->hd.stream_id);
    if (s == nullptr) return 0;
    if (self.block_bytes_ > self.options.head_bytes_max || self.block_fields_ > self.options.head_fields_max)
      s->too_large_ = true;
    else
      s->field(text(name, name_size), text(value, value_size));
    return 0;
  }

  static int frame_recv(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    H2Connection& self = self_of(user);
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS: {
        H2Stream* s = stream_of(session, frame->hd.stream_id);
        if (s == nullptr) break;
        bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
        if (!s->end_fields(end)) {
          nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
          break;
        }
        if (end) s->take_end();
        if (self.incoming_.get() == s) self.accepted_.push_back(std::move(self.incoming_));
        break;
      }
      case NGHTTP2_DATA:
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
          if (H2Stream* s = stream_of(session, frame->hd.stream_id)) s->take_end();
        }
        break;
      case NGHTTP2_RST_STREAM:
        if (H2Stream* s = stream_of(session, frame->hd.stream_id))
          s->reset_code_ = frame->rst_stream.error_code;
        break;
      case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
          self.ping_out_ = false;
          if (std::memcmp(frame->ping.opaque_data, kDrainMark, sizeof kDrainMark) == 0 && self.draining_)
            self.final_goaway();
        }
        break;
      case NGHTTP2_GOAWAY:
        self.goaway_seen_ = true;
        self.changed_ = true;
        if (frame->goaway.error_code != NGHTTP2_NO_ERROR)
          self.why_ = Error{Errc::reset, self.side(), "the peer ended the connection with an error"};
        break;
      case NGHTTP2_SETTINGS:
        // A window wider than there is: nghttp2 resets the stream, but the connection is at fault (section 6.9.2).
        if (self.windows_beyond_ + self.initial_window() > NGHTTP2_MAX_WINDOW_SIZE)
          return self.fault(NGHTTP2_FLOW_CONTROL_ERROR);
        self.settled_ = true;
        self.wake_settling();
        self.changed_ = true;
        break;
      default: break;
    }
    return 0;
  }

  static int data_chunk(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data, size_t size,
                        void* user) {
    H2Connection& self = self_of(user);
    // The connection's window says only what is in flight; what waits for a slow reader is its stream's.
    nghttp2_session_consume_connection(session, size);
    H2Stream* s = stream_of(session, id);
    if (s == nullptr) return 0;
    const char* p = reinterpret_cast<const char*>(data);
    assert(p >= self.input_->data() && p + size <= self.input_->data() + self.input_->size());
    s->take_data(self.input_->sub(static_cast<size_t>(p - self.input_->data()), size));
    return 0;
  }

  static int invalid_frame(nghttp2_session* session, const nghttp2_frame* frame, int error, void* user) {
    H2Connection& self = self_of(user);
    self.reset_ids_.add(static_cast<uint32_t>(frame->hd.stream_id));
    if (H2Stream* s = stream_of(session, frame->hd.stream_id)) {
      s->fault_counted_ = true;
      if (self.incoming_.get() == s) ++self.streams_malformed_;
    } else if (error == NGHTTP2_ERR_REFUSED_STREAM) {
      ++self.streams_refused_;
    }
    // More streams than we allow, by a peer that has not seen our SETTINGS yet: no fault, but not for ever.
    H2Budget& budget = error == NGHTTP2_ERR_REFUSED_STREAM ? self.noise_ : self.faults_;
    return self.charge(budget) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int frame_send(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    H2Connection& self = self_of(user);
    int32_t id = frame->hd.stream_id;
    switch (frame->hd.type) {
      case NGHTTP2_DATA:
      case NGHTTP2_HEADERS: {
        H2Stream* s = stream_of(session, id);
        if (s != nullptr) s->sent_ = true;
        if (self.role == Role::client)
          self.last_sent_id_ = std::max(self.last_sent_id_, static_cast<uint32_t>(id));
        self.update_credit_ = std::min(self.update_credit_ + kUpdatesPerFrame, kUpdateCreditMax);
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) break;
        if (s != nullptr) {
          s->end_framed();
        } else if (self.role == Role::server && nghttp2_session_get_stream_remote_close(session, id) == 0) {
          // Answered in full and let go, before the request ended: the rest of it is not wanted.
          nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
        }
        break;
      }
      case NGHTTP2_RST_STREAM: {
        self.reset_ids_.add(static_cast<uint32_t>(id));
        // A stream that somebody still holds was not reset by us but for a fault of the peer.
        H2Stream* s = stream_of(session, id);
        if (s != nullptr && !s->fault_counted_ && !s->reset_code_) self.charge(self.faults_);
        break;
      }
      case NGHTTP2_GOAWAY:
        if (frame->goaway.error_code != NGHTTP2_NO_ERROR && !self.why_)
          self.why_ = Error{Errc::protocol, self.side(), "HTTP/2 protocol error"};
        break;
      default: break;
    }
    return 0;
  }

  static int frame_not_send(nghttp2_session* session, const nghttp2_frame* frame, int error, void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS || error != NGHTTP2_ERR_FRAME_SIZE_ERROR) return 0;
    H2Connection& self = self_of(user);
    H2Stream* s = stream_of(session, frame->hd.stream_id);
    if (s == nullptr) return 0;
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, nullptr);
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
    self.lose(*s, {Errc::head_too_large, Side::self, "the head is too large to be sent"});
    return 0;
  }

  static int stream_close(nghttp2_session* session, int32_t id, uint32_t code, void* user) {
    H2Connection& self = self_of(user);
    assert(self.stream_count_ > 0);
    --self.stream_count_;
    self.streams_changed();
    H2Stream* s = stream_of(session, id);
    if (s == nullptr) return 0;
    nghttp2_session_set_stream_user_data(session, id, nullptr);
    if (s->in_ended_ && s->out_ended_ && code == NGHTTP2_NO_ERROR) {
      self.unlink(*s);
      s->connection_ = nullptr;
    } else {
      // Where the peer did not say it, nghttp2 found the peer's fault.
      Error why = s->reset_code_ || code == NGHTTP2_REFUSED_STREAM
                      ? h2_error(code, self.side())
                      : Error{Errc::protocol, self.side(), "HTTP/2 stream error"};
      self.lose(*s, why);
    }
    if (self.incoming_.get() == s) self.incoming_.reset();
    return 0;
  }

  static int send_data(nghttp2_session* session, nghttp2_frame* frame, const uint8_t* head, size_t length,
                       nghttp2_data_source*, void* user) {
    H2Connection& self = self_of(user);
    H2Stream* s = stream_of(session, frame->hd.stream_id);
    if (s == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    assert(frame->data.padlen == 0);
    self.gather(head, 9);
    self.append(s->outbox_, length);
    s->outbox_moved();
    return self.out_full_ ? NGHTTP2_ERR_PAUSE : 0;
  }

  static const nghttp2_session_callbacks* all() {
    static const nghttp2_session_callbacks* made = [] {
      nghttp2_session_callbacks* c = nullptr;
      if (nghttp2_session_callbacks_new(&c) != 0) throw std::bad_alloc();
      nghttp2_session_callbacks_set_on_begin_frame_callback(c, begin_frame);
      nghttp2_session_callbacks_set_on_begin_headers_callback(c, begin_headers);
      nghttp2_session_callbacks_set_on_header_callback(c, header);
      nghttp2_session_callbacks_set_on_frame_recv_callback(c, frame_recv);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, data_chunk);
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, invalid_frame);
      nghttp2_session_callbacks_set_on_frame_send_callback(c, frame_send);
      nghttp2_session_callbacks_set_on_frame_not_send_callback(c, frame_not_send);
      nghttp2_session_callbacks_set_on_stream_close_callback(c, stream_close);
      nghttp2_session_callbacks_set_send_data_callback(c, send_data);
      return c;
    }();
    return made;
  }
};

bool H2Connection::charge(H2Budget& budget) {
  if (budget.spend(loop_.now())) return true;
  fault_ = NGHTTP2_ENHANCE_YOUR_CALM;
  return false;
}

int H2Connection::fault(uint32_t code) {
  fault_ = code;
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

// Has stream `id` been closed otherwise than by a reset of ours that the peer may not have seen?
bool H2Connection::is_closed(uint32_t id) const {
  bool begun = id % 2 == 1 && (role == Role::server ? ids_.known(id) : id <= last_sent_id_);
  // After our GOAWAY nghttp2 leaves out streams without a word.
  if (!begun || final_goaway_sent_) return false;
  return nghttp2_session_find_stream(session_, static_cast<int32_t>(id)) == nullptr &&
         !reset_ids_.may_linger(id);
}

int64_t H2Connection::initial_window() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE);
}

// Of the streams open now, how much the one that may send most may send.
int64_t H2Connection::widest_window() const {
  int64_t widest = initial_window();
  for (H2Stream* s = streams_; s != nullptr; s = s->next_)
    widest = std::max<int64_t>(widest, nghttp2_session_get_stream_remote_window_size(session_, s->id_));
  return widest;
}

// Hands bytes to nghttp2 up to each head that it would skip, looks at that, and goes on. Less than zero: its error.
ssize_t H2Connection::feed(std::string_view bytes) {
  auto hand_over = [this, &bytes](size_t n) {
    auto* p = reinterpret_cast<const uint8_t*>(bytes.data());
    bytes.remove_prefix(n);
    return nghttp2_session_mem_recv(session_, p, n);
  };
  while (!bytes.empty()) {
    size_t n = scan_.next(bytes);
    if (!scan_.found()) return hand_over(n);
    // The head's last byte waits: with it an empty frame would be complete, and the stream perhaps closed.
    if (ssize_t taken = hand_over(n - 1); taken < 0) return taken;
    if (scan_.is_data() && is_closed(scan_.stream())) return fault(NGHTTP2_STREAM_CLOSED);
    if (scan_.depends_on_itself()) return fault(NGHTTP2_PROTOCOL_ERROR);
    if (scan_.is_unknown() && !charge(noise_)) return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (ssize_t taken = hand_over(1); taken < 0) return taken;
  }
  return 0;
}

nghttp2_session* H2Connection::make_session() {
  nghttp2_option* o = nullptr;
  if (nghttp2_option_new(&o) != 0) throw std::bad_alloc();
  nghttp2_option_set_no_auto_window_update(o, 1);
  nghttp2_option_set_no_closed_streams(o, 1);
  nghttp2_option_set_max_deflate_dynamic_table_size(o, options.header_table);
  // What passed our limit and got some fields of ours must still fit.
  nghttp2_option_set_max_send_header_block_length(o, options.head_bytes_max * 2);
  // Until its SETTINGS come, no more than any server allows.
  nghttp2_option_set_peer_max_concurrent_streams(o, 100);
  // Ours count first (H2Options::resets); this one would end with INTERNAL_ERROR.
  nghttp2_option_set_stream_reset_rate_limit(o, UINT64_MAX / 2, UINT64_MAX / 2);
  auto* memory = static_cast<nghttp2_mem*>(h2_memory());
  nghttp2_session* session = nullptr;
  int status = role == Role::server
                   ? nghttp2_session_server_new3(&session, Callbacks::all(), this, o, memory)
                   : nghttp2_session_client_new3(&session, Callbacks::all(), this, o, memory);
  nghttp2_option_del(o);
  if (status != 0) throw std::bad_alloc();
  return session;
}

void H2Connection::submit_settings() {
  nghttp2_settings_entry entries[8];
  size_t n = 0;
  auto add = [&](int32_t id, size_t value) { entries[n++] = {id, static_cast<uint32_t>(value)}; };
  if (role == Role::server) {
    add(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options.streams_max);
    if (options.extended_connect) add(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1);
    // No dependency tree: no state for idle streams, and PRIORITY frames mean nothing (RFC 9218 section 2.1).
    add(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1);
  } else {
    add(NGHTTP2_SETTINGS_ENABLE_PUSH, 0);
  }
  if (options.header_table != NGHTTP2_DEFAULT_HEADER_TABLE_SIZE)
    add(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, options.header_table);
  if (options.stream_window != NGHTTP2_INITIAL_WINDOW_SIZE)
    add(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window);
  add(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, options.head_bytes_max);
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries, n);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(options.connection_window));
}

}  // namespace meshd
