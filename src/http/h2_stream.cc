// SPDX-License-Identifier: Apache-2.0
#include "http/h2_stream.h"

#include <cassert>

#include "http/h2_connection.h"

namespace meshd {
namespace {

// DATA below this is copied where it has to wait.
constexpr size_t kSmallPiece = 1024;

}  // namespace

H2Stream::~H2Stream() {
  if (connection_ != nullptr) connection_->drop(*this);
  // On the list of broken streams whose owner was to be told: it knows, it is destroying us.
  if (prev_ != nullptr) {
    *prev_ = next_;
    if (next_ != nullptr) next_->prev_ = prev_;
  }
}

Await<Result<Chunk>> H2Stream::read() {
  if (!inbox_.empty()) {
    Chunk c = inbox_.pop();
    if (connection_ != nullptr) connection_->give_window(*this, c.size());
    return c;
  }
  if (unread_) return Result<Chunk>(fail(*unread_));
  if (in_ended_) return Chunk();
  if (broken_) return Result<Chunk>(fail(*broken_));
  return read_op_;
}

Await<Result<size_t>> H2Stream::write(Chunks chunks) {
  if (broken_) return Result<size_t>(fail(*broken_));
  assert(!finish_asked_ && connection_ != nullptr);
  size_t size = total_size(chunks);
  for (Chunk& c : chunks) outbox_.push(std::move(c));
  connection_->resume(*this);
  if (outbox_.size() < connection_->options.stream_outbox) return size;
  write_size_ = size;
  return write_op_;
}

Await<Result<>> H2Stream::finish() {
  if (finish_asked_ && !broken_) return Result<>();
  return end_writing();
}

Await<Result<>> H2Stream::send_trailers(const Fields& trailers) {
  if (!broken_) {
    assert(!finish_asked_);
    if (!trailers.empty()) {
      out_trailers_ = std::make_unique<Fields>();
      for (size_t i = 0; i < trailers.size(); ++i) out_trailers_->add(trailers[i].name, trailers[i].value);
    }
  }
  return end_writing();
}

Await<Result<>> H2Stream::end_writing() {
  if (broken_) return Result<>(fail(*broken_));
  finish_asked_ = true;
  connection_->resume(*this);
  return finish_op_;
}

void H2Stream::close(Error why) { close(why, h2_code(why, is_connect_)); }

void H2Stream::close(Error why, uint32_t code) {
  on_broken_ = nullptr;
  if (connection_ != nullptr) connection_->reset(*this, code);
  inbox_.clear();
  in_ended_ = false;
  if (broken_) broken_ = why;
  break_with(why);
}

void H2Stream::abandon(Error why) {
  if (connection_ != nullptr) connection_->drop(*this);
  close(why);
}

void H2Stream::stop_reading(Error why) {
  inbox_.clear();
  unread_ = why;
  if (read_op_.waiting()) read_op_.complete(fail(why));
}

bool H2Stream::ready() const { return !inbox_.empty() || in_ended_ || broken_ || unread_; }

void H2Stream::add_trailer(std::string_view name, std::string_view value) {
  if (!trailers_) trailers_ = std::make_unique<Fields>();
  trailers_->add(name, value);
}

void H2Stream::take_data(Chunk bytes) {
  if (!read_op_.waiting()) {
    if (unread_) return;
    // A window full of tiny frames must not become a list of tiny chunks.
    if (bytes.size() < kSmallPiece && !inbox_.empty())
      inbox_.push_copy(bytes.view());
    else
      inbox_.push(std::move(bytes));
    return;
  }
  // Somebody is there to take it: the peer may send as many again.
  connection_->give_window(*this, bytes.size());
  read_op_.complete(std::move(bytes));
}

void H2Stream::take_end() {
  in_ended_ = true;
  if (read_op_.waiting()) read_op_.complete(Chunk());
}

void H2Stream::break_with(Error why) {
  if (broken_) return;
  broken_ = why;
  outbox_.clear();
  if (read_op_.waiting()) read_op_.complete(fail(why));
  if (write_op_.waiting()) write_op_.complete(fail(why));
  if (finish_op_.waiting()) finish_op_.complete(fail(why));
  broke(why);
}

void H2Stream::end_framed() {
  out_ended_ = true;
  if (finish_op_.waiting()) finish_op_.complete(Result<>());
}

void H2Stream::outbox_moved() {
  moved_ = true;
  if (write_op_.waiting() && outbox_.size() <= connection_->options.stream_outbox / 2)
    write_op_.complete(write_size_);
}

}  // namespace meshd
