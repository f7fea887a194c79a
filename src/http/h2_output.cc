// SPDX-License-Identifier: Apache-2.0
// h2_output.cc: heads as nghttp2 wants them, and the frames of a turn as the Chunks of one write.
//
// Frame headers and small payloads are copied side by side into a block that all connections of the thread
// share in turn; larger payloads go down as the Chunks they came as.
#include <nghttp2/nghttp2.h>

#include <cassert>
#include <cstring>

#include "http/h2_connection.h"

namespace meshd {
namespace {

// Up to here a copy is cheaper than an entry of its own in the transport's gather list.
constexpr size_t kCopyMax = 2 * 1024;
// Frames of one write: what the transport takes before it makes a writer wait.
constexpr size_t kBatchMax = kStreamOutboxHigh;

// The block being filled. Only produce() uses it, and never two at a time.
struct Gather {
  ReadSlab slab;
  std::span<char> space;
  size_t used = 0;
};
thread_local Gather gather_block;

// Fields in nghttp2's form, pointing into the head.
class FieldList {
 public:
  void add(std::string_view name, std::string_view value) {
    auto bytes = [](std::string_view s) { return reinterpret_cast<uint8_t*>(const_cast<char*>(s.data())); };
    list_.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  void add(const Fields& fields) {
    for (size_t i = 0; i < fields.size(); ++i) add(fields[i].name, fields[i].value);
  }
  void add_length(std::optional<uint64_t> length) {
    if (!length) return;
    char* end = length_ + sizeof length_;
    char* p = end;
    uint64_t n = *length;
    do *--p = static_cast<char>('0' + n % 10);
    while ((n /= 10) != 0);
    add("content-length", {p, static_cast<size_t>(end - p)});
  }
  void add_status(int status) {
    for (int i = 2; i >= 0; --i, status /= 10) status_[i] = static_cast<char>('0' + status % 10);
    add(":status", {status_, 3});
  }
  const nghttp2_nv* data() const { return list_.data(); }
  size_t size() const { return list_.size(); }

 private:
  SmallVector<nghttp2_nv, 32> list_;
  char length_[20];
  char status_[3];
};

// nghttp2 asks how much of the outbox goes into the next DATA frame; send_data then takes it.
ssize_t next_data(nghttp2_session* session, int32_t id, uint8_t*, size_t length, uint32_t* flags,
                  nghttp2_data_source*, void* user) {
  auto* s = static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session, id));
  if (s == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  return static_cast<H2Connection*>(user)->next_data(*s, length, *flags);
}

const nghttp2_data_provider kFromOutbox{{.ptr = nullptr}, meshd::next_data};

Error submit_error(int status) {
  if (status == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE)
    return {Errc::refused, Side::self, "no stream ids are left"};
  return {Errc::internal, Side::self, "nghttp2 refuses a head"};
}

}  // namespace

ssize_t H2Connection::next_data(H2Stream& s, size_t length, uint32_t& flags) {
  size_t n = std::min(length, s.outbox_.size());
  if (n == 0 && !s.finish_asked_) {
    s.deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (!s.finish_asked_ || n < s.outbox_.size()) return static_cast<ssize_t>(n);
  flags |= NGHTTP2_DATA_FLAG_EOF;
  if (s.out_trailers_) {
    flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    FieldList list;
    list.add(*s.out_trailers_);
    nghttp2_submit_trailer(session_, s.id_, list.data(), list.size());
  }
  return static_cast<ssize_t>(n);
}

Result<int32_t> H2Connection::submit_request(H2ClientStream& s, const RequestHead& head, bool end,
                                             std::optional<uint64_t> length) {
  FieldList list;
  list.add(":method", head.method());
  s.is_connect_ = head.method() == "CONNECT";
  bool plain_connect = s.is_connect_ && head.protocol().empty();
  if (!plain_connect) {
    list.add(":scheme", head.scheme());
    list.add(":path", head.path());
  }
  if (!head.authority().empty()) list.add(":authority", head.authority());
  if (s.is_connect_ && !plain_connect) list.add(":protocol", head.protocol());
  list.add(head);
  list.add_length(length);
  int32_t id =
      nghttp2_submit_request(session_, nullptr, list.data(), list.size(), end ? nullptr : &kFromOutbox, &s);
  if (id < 0) return fail(submit_error(id));
  s.id_ = id;
  s.connection_ = this;
  s.finish_asked_ = end;
  ++stream_count_;
  link(s);
  streams_changed();
  schedule();
  return id;
}

Result<> H2Connection::submit_response(H2ServerStream& s, const ResponseHead& head, bool end,
                                       std::optional<uint64_t> length) {
  FieldList list;
  list.add_status(head.status);
  list.add(head);
  list.add_length(length);
  int status =
      nghttp2_submit_response(session_, s.id_, list.data(), list.size(), end ? nullptr : &kFromOutbox);
  if (status != 0) return fail(submit_error(status));
  s.finish_asked_ = s.finish_asked_ || end;
  s.answered_ = end;
  schedule();
  return {};
}

Result<> H2Connection::submit_interim(H2ServerStream& s, const ResponseHead& head) {
  FieldList list;
  list.add_status(head.status);
  list.add(head);
  int status =
      nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, s.id_, nullptr, list.data(), list.size(), nullptr);
  if (status != 0) return fail(submit_error(status));
  schedule();
  return {};
}

void H2Connection::resume(H2Stream& s) {
  if (s.deferred_) {
    s.deferred_ = false;
    nghttp2_session_resume_data(session_, s.id_);
  }
  schedule();
}

void H2Connection::give_window(H2Stream& s, size_t bytes) {
  nghttp2_session_consume_stream(session_, s.id_, bytes);
  if (nghttp2_session_want_write(session_) != 0) schedule();
}

void H2Connection::reset(H2Stream& s, uint32_t code) {
  unlink(s);
  s.connection_ = nullptr;
  nghttp2_session_set_stream_user_data(session_, s.id_, nullptr);
  if (state_ != State::open) return;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, s.id_, code);
  schedule();
}

void H2Connection::drop(H2Stream& s) {
  if (role == Role::client) return reset(s, NGHTTP2_CANCEL);
  // Answered in full: only the rest of the request is not wanted. nghttp2 would drop an answer that waits behind a
  // reset, so where it has not left yet frame_send resets after it.
  bool leaving = s.answered_ && !s.out_ended_;
  if (!leaving && !(s.out_ended_ && s.in_ended_))
    return reset(s, s.out_ended_ ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
  unlink(s);
  s.connection_ = nullptr;
  nghttp2_session_set_stream_user_data(session_, s.id_, nullptr);
}

// Fills `out` with the frames that are due. True if the batch was full and there may be more.
bool H2Connection::produce(Chunks& out) {
  out_ = &out;
  out_bytes_ = 0;
  out_full_ = false;
  exact_blocks_ = transport_->queued() > 0;
  gather_block.space = {};
  while (!out_full_) {
    const uint8_t* bytes = nullptr;
    ssize_t n = nghttp2_session_mem_send(session_, &bytes);
    if (n < 0) send_failed_ = true;
    if (n <= 0) break;
    gather(bytes, static_cast<size_t>(n));
  }
  flush_gathered();
  out_ = nullptr;
  return out_full_;
}

void H2Connection::gather(const void* bytes, size_t n) {
  Gather& g = gather_block;
  const char* p = static_cast<const char*>(bytes);
  out_bytes_ += n;
  out_full_ = out_bytes_ >= kBatchMax;
  while (n > 0) {
    if (g.used == g.space.size()) {
      flush_gathered();
      g.space = g.slab.space();
    }
    size_t part = std::min(n, g.space.size() - g.used);
    std::memcpy(g.space.data() + g.used, p, part);
    g.used += part;
    p += part;
    n -= part;
  }
}

void H2Connection::append(ChunkQueue& from, size_t n) {
  while (n > 0) {
    Chunk c = from.pop(n);
    n -= c.size();
    if (c.size() <= kCopyMax) {
      gather(c.data(), c.size());
      continue;
    }
    flush_gathered();
    out_bytes_ += c.size();
    out_full_ = out_bytes_ >= kBatchMax;
    out_->push_back(std::move(c));
  }
}

void H2Connection::flush_gathered() {
  Gather& g = gather_block;
  if (g.used > 0) {
    if (exact_blocks_)
      out_->push_back(Chunk::copy({g.space.data(), g.used}));
    else
      out_->push_back(g.slab.take(g.used));
  }
  g.used = 0;
  g.space = {};
}

}  // namespace meshd
