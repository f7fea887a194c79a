// SPDX-License-Identifier: Apache-2.0
#include "http/h1_link.h"

#include <algorithm>

namespace meshd {
namespace {

constexpr size_t kEarlyMax = 16 * 1024;  // of small heads that wait behind another

}  // namespace

// The content of one message as its reader sees it. Outlives the message and the link's stream.
class H1Body final : public Body {
 public:
  H1Body(H1Link& link, std::optional<uint64_t> length) : link_(&link), length_(length) {}
  ~H1Body() override { leave({Errc::cancelled, Side::self, "the content was not read to its end"}); }

  Await<Result<Chunk>> pull() override {
    if (link_) return link_->pull(*this);
    if (failed_) return Result<Chunk>(fail(*failed_));
    return Chunk();
  }
  void close(Error why) override {
    if (!link_) return;
    leave(why);
    failed_ = why;
    if (op_.waiting()) op_.complete(fail(why));
  }
  std::optional<uint64_t> length() const override { return length_; }
  const Fields* trailers() const override { return trailers_.get(); }

 private:
  friend class H1Link;
  void leave(Error why) {
    if (!link_) return;
    LocalPtr<H1Link> link = std::move(link_);
    link->drop_body(why);
  }

  LocalPtr<H1Link> link_;  // null once the message has ended, failed or was given up
  std::optional<uint64_t> length_;
  std::optional<Error> failed_;
  std::unique_ptr<Fields> trailers_;
  Op<Result<Chunk>> op_;
};

H1Link::H1Link(std::unique_ptr<ByteStream> stream, Side peer, milliseconds body_stall)
    : stream_(std::move(stream)), peer_(peer), body_stall_(body_stall) {}

H1Link::~H1Link() = default;

// ---- reading

Task<void> H1Link::read_some(LocalPtr<H1Link> self) {
  Result<Chunk> got = co_await self->stream_->read();
  self->arrived(std::move(got));
}

void H1Link::start_read() {
  if (reading_ || closed_ || broken_ || at_end_) return;
  reading_ = true;
  spawn(read_some(LocalPtr<H1Link>(this)));
}

void H1Link::arrived(Result<Chunk> got) {
  reading_ = false;
  if (closed_) return;
  moved_ = true;
  if (!got) {
    broken_ = got.error();
    broken_->side = peer_;  // a stream does not know which side it stands on
  } else if (got->empty()) {
    at_end_ = true;
  } else {
    bytes_ = std::move(*got);
  }
  if (body_ != nullptr && body_->op_.waiting()) {
    deliver();
  } else if (more_op_.waiting()) {
    if (broken_)
      more_op_.complete(fail(*broken_));
    else
      more_op_.complete(!at_end_);
  } else {
    unasked();
  }
}

Await<Result<bool>> H1Link::more() {
  if (!bytes_.empty()) return Result<bool>(true);
  if (broken_) return Result<bool>(fail(*broken_));
  if (at_end_) return Result<bool>(false);
  start_read();
  return more_op_;
}

void H1Link::interrupt(Error why) {
  if (more_op_.waiting()) more_op_.complete(fail(why));
}

void H1Link::watch() {
  if (bytes_.empty()) start_read();
}

void H1Link::close(Error why) {
  if (closed_) return;
  LocalPtr<H1Link> self(this);
  closed_ = true;
  if (!broken_) broken_ = why;
  bytes_ = Chunk();
  stream_->close(why);
  if (body_ != nullptr) detach_body(*broken_);
  if (!ended_) failed_ = true;
  if (more_op_.waiting()) more_op_.complete(fail(*broken_));
}

// ---- content

std::unique_ptr<Body> H1Link::open_body(const Framing& framing, bool held) {
  // What was left of the message before, such as a handle read to its end, is on its own.
  if (body_ != nullptr) detach_body({Errc::cancelled, Side::self, "the connection went on"});
  kind_ = framing.body;
  left_ = framing.length;
  chunked_ = ChunkedDecoder();
  held_ = held;
  raw_ = held || kind_ == BodyKind::until_end;
  wanted_ = failed_ = false;
  ended_ = end_told_ = kind_ == BodyKind::none || (kind_ == BodyKind::length && left_ == 0);
  if (ended_) return nullptr;
  std::optional<uint64_t> length;
  if (kind_ == BodyKind::length) length = left_;
  auto body = std::make_unique<H1Body>(*this, length);
  body_ = body.get();
  return body;
}

void H1Link::release(bool flow) {
  if (!held_) return;
  LocalPtr<H1Link> self(this);
  held_ = false;
  if (!flow) message_end();
  if (body_ != nullptr && body_->op_.waiting()) deliver();
  tell_end();  // NOLINT(clang-analyzer-cplusplus.NewDelete): self counts, which the analyzer does not follow
}

std::optional<uint64_t> H1Link::missing() const {
  if (ended_) return 0;
  if (kind_ == BodyKind::length) return left_;
  return std::nullopt;
}

void H1Link::message_end() {
  if (ended_) return;
  ended_ = true;
  if (body_ != nullptr) body_->trailers_ = chunked_.take_trailers();
}

// Only after the last content was handed over: whoever hears it may close the link.
void H1Link::tell_end() {
  if (!ended_ || std::exchange(end_told_, true)) return;
  body_ended();
}

void H1Link::fail_body(Error why) {
  failed_ = true;
  detach_body(why);
  body_dropped(why);
}

// Content from the bytes at hand; empty where there is none (yet), or the message has ended.
Result<Chunk> H1Link::take() {
  Chunk content;
  if (ended_ || held_) return content;
  switch (kind_) {
    case BodyKind::none: break;
    case BodyKind::length:
      content = bytes_.sub(0, static_cast<size_t>(std::min<uint64_t>(left_, bytes_.size())));
      bytes_.remove_prefix(content.size());
      left_ -= content.size();
      if (left_ == 0) message_end();
      break;
    case BodyKind::chunked: {
      auto next = chunked_.next(bytes_, peer_);
      if (!next) return next;
      content = std::move(*next);
      if (chunked_.done()) message_end();
      break;
    }
    case BodyKind::until_end:
      content = std::exchange(bytes_, Chunk());
      if (content.empty() && at_end_) message_end();
      break;
  }
  if (bytes_.empty()) bytes_ = Chunk();  // lets go of the block
  if (!content.empty() || ended_) return content;
  if (broken_) return fail(*broken_);
  if (at_end_) return fail(Errc::closed, peer_, "the connection ended within the content");
  return content;
}

Await<Result<Chunk>> H1Link::pull(H1Body& body) {
  LocalPtr<H1Link> self(this);
  if (!std::exchange(wanted_, true)) body_wanted();
  Result<Chunk> got = take();
  if (got && got->empty() && !ended_) {
    if (!held_) {
      if (!raw_) stall_timer_.start(body_stall_);
      start_read();
    }
    return body.op_;
  }
  if (!got)
    fail_body(got.error());
  else if (got->empty())
    detach_body({});
  tell_end();
  return got;
}

// Bytes, the end or an error came while the reader waits.
void H1Link::deliver() {
  LocalPtr<H1Link> self(this);
  Result<Chunk> got = take();
  if (got && got->empty() && !ended_) {
    if (!raw_) stall_timer_.start(body_stall_);
    start_read();
    return;
  }
  stall_timer_.stop();
  if (!got) {
    fail_body(got.error());  // completes the pull
    return;
  }
  if (got->empty())
    detach_body({});  // so does this
  else
    body_->op_.complete(std::move(got));
  tell_end();
}

void H1Link::stalled(void* self) {
  auto& link = *static_cast<H1Link*>(self);
  LocalPtr<H1Link> hold(&link);
  link.fail_body({Errc::stalled, link.peer_, "the content stalled"});
}

// The handle lives on alone: at its end if the message ended, else failed with `why`.
void H1Link::detach_body(Error why) {
  stall_timer_.stop();
  if (body_ == nullptr) return;
  H1Body& body = *std::exchange(body_, nullptr);
  LocalPtr<H1Link> self = std::move(body.link_);
  if (!ended_) body.failed_ = why;
  if (!body.op_.waiting()) return;
  if (ended_)
    body.op_.complete(Chunk());
  else
    body.op_.complete(fail(why));
}

void H1Link::drop_body(Error why) {
  body_ = nullptr;
  stall_timer_.stop();
  if (!ended_) body_dropped(why);
}

Task<bool> H1Link::discard(size_t max, Error why) {
  LocalPtr<H1Link> self(this);
  if (held_) release(false);
  // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDelete): self counts, which the analyzer does not follow
  detach_body(why);
  while (!ended_ && !failed_) {
    size_t before = bytes_.size();
    if (before == 0) {
      auto more_came = co_await more();
      if (!more_came || !*more_came) break;
      continue;
    }
    auto got = take();
    tell_end();
    if (!got) break;
    size_t used = before - bytes_.size();
    if (used > max) break;
    max -= used;
  }
  co_return ended_;
}

// ---- early heads

Task<void> H1Link::write_apart(LocalPtr<H1Link> self, Chunk head) {
  // A broken stream is found by whoever writes next.
  while (!head.empty()) {
    co_await self->stream_->write(std::move(head));
    head = std::exchange(self->early_more_, Chunk());
  }
  self->early_ = false;
  if (self->early_op_.waiting()) self->early_op_.complete(true);
}

void H1Link::write_early(Chunk head) {
  if (closed_) return;
  if (early_) {
    // A peer that takes not even small heads can do without them.
    if (early_more_.size() + head.size() <= kEarlyMax)
      early_more_ = Chunk::copy(std::string(early_more_.view()).append(head.view()));
    return;
  }
  early_ = true;
  spawn(write_apart(LocalPtr<H1Link>(this), std::move(head)));
}

Await<bool> H1Link::early_written() {
  if (!early_) return true;
  return early_op_;
}

}  // namespace meshd
