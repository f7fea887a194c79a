// SPDX-License-Identifier: Apache-2.0
#include "http/h1_chunked.h"

#include <algorithm>
#include <cstring>

#include "base/limits.h"
#include "http/semantics.h"

namespace meshd {
namespace {

// Smaller pieces are copied together while more of them are at hand: one write each would cost more.
constexpr size_t kSmallPiece = 1024;
constexpr size_t kGatherMax = 16 * 1024;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

// One byte of the line "1A;name=value\r\n". White space before the extension is refused: it has no use.
Result<> ChunkedDecoder::size_byte(char c, Side side) {
  if (++line_bytes_ > kChunkLineMax) return fail(Errc::protocol, side, "a chunk-size line is too long");
  if (state_ == State::size_lf) {
    if (c != '\n') return fail(Errc::protocol, side, "a bare CR in a chunk-size line");
    state_ = left_ > 0 ? State::data : State::trailer;
    line_bytes_ = 0;
    has_digit_ = false;
    return {};
  }
  if (c == '\r' && has_digit_) {
    state_ = State::size_lf;
  } else if (state_ == State::extension) {
    if (!is_field_value({&c, 1}))
      return fail(Errc::protocol, side, "a control character in a chunk extension");
  } else if (int digit = hex_value(c); digit >= 0) {
    if (left_ >> 56 != 0) return fail(Errc::protocol, side, "a chunk size overflows");
    left_ = left_ * 16 + static_cast<uint64_t>(digit);
    has_digit_ = true;
  } else if (c == ';' && has_digit_) {
    state_ = State::extension;
  } else {
    return fail(Errc::protocol, side, "a chunk size is no number");
  }
  return {};
}

Result<> ChunkedDecoder::trailer_line(std::string_view line, Side side) {
  if (line.empty()) {
    state_ = State::done;
    if (!trailers_) return {};
    auto ok = check_trailers(*trailers_, side);
    if (trailers_->empty()) trailers_.reset();
    return ok;
  }
  size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
    return fail(Errc::protocol, side, "a malformed trailer line");
  std::string_view value = trim_ows(line.substr(colon + 1));
  if (!is_field_value(value)) return fail(Errc::protocol, side, "a control character in a trailer");
  if (!trailers_) trailers_ = std::make_unique<Fields>();
  if (trailers_->size() == kHeadFieldsMax) return fail(Errc::head_too_large, side, "too many trailer fields");
  trailers_->add(line.substr(0, colon), value);
  return {};
}

Result<> ChunkedDecoder::trailer_bytes(Chunk& bytes, Side side) {
  while (!bytes.empty() && state_ == State::trailer) {
    const void* lf = memchr(bytes.data(), '\n', bytes.size());
    size_t n =
        lf != nullptr ? static_cast<size_t>(static_cast<const char*>(lf) - bytes.data()) + 1 : bytes.size();
    trailer_size_ += n;
    if (trailer_size_ > kTrailerBytesMax)
      return fail(Errc::head_too_large, side, "the trailers are too long");
    line_.append(bytes.data(), n);
    bytes.remove_prefix(n);
    if (lf == nullptr) break;
    if (line_.size() < 2 || line_[line_.size() - 2] != '\r')
      return fail(Errc::protocol, side, "a bare LF in trailers");
    auto ok = trailer_line(std::string_view(line_).substr(0, line_.size() - 2), side);
    if (!ok) return ok;
    line_.clear();
  }
  return {};
}

// The next piece of one chunk's data that lies in `bytes`.
Result<Chunk> ChunkedDecoder::piece(Chunk& bytes, Side side) {
  while (!bytes.empty() && state_ != State::done) {
    if (state_ == State::data) {
      Chunk data = bytes.sub(0, static_cast<size_t>(std::min<uint64_t>(left_, bytes.size())));
      bytes.remove_prefix(data.size());
      left_ -= data.size();
      if (left_ == 0) state_ = State::data_cr;
      return data;
    }
    if (state_ == State::trailer) {
      auto ok = trailer_bytes(bytes, side);
      if (!ok) return fail(ok.error());
      continue;
    }
    char c = *bytes.data();
    bytes.remove_prefix(1);
    if (state_ == State::data_cr || state_ == State::data_lf) {
      if (c != (state_ == State::data_cr ? '\r' : '\n'))
        return fail(Errc::protocol, side, "chunk data has no end");
      state_ = state_ == State::data_cr ? State::data_lf : State::size;
      continue;
    }
    auto ok = size_byte(c, side);
    if (!ok) return fail(ok.error());
  }
  return Chunk();
}

Result<Chunk> ChunkedDecoder::next(Chunk& bytes, Side side) {
  auto first = piece(bytes, side);
  if (!first || first->size() >= kSmallPiece || bytes.empty() || done()) return first;
  if (first->empty()) return first;
  Block* gathered = Block::make(static_cast<uint32_t>(std::min(first->size() + bytes.size(), kGatherMax)));
  size_t used = 0;
  // A piece that does not fit any more stays in `bytes` for the next call: there is always room for a small one.
  for (Chunk one = std::move(*first); !one.empty();) {
    memcpy(gathered->data() + used, one.data(), one.size());
    used += one.size();
    if (gathered->size - used < kSmallPiece || bytes.empty()) break;
    if (state_ == State::data && std::min<uint64_t>(left_, bytes.size()) >= kSmallPiece) break;
    auto more = piece(bytes, side);
    // The error comes again at the next call: a broken decoder stays where it broke.
    if (!more) {
      Block::unref(gathered);
      return more;
    }
    if (more->size() >= kSmallPiece) {
      // It began after a size line: put it back, unread.
      bytes = Chunk(*more).sub(0, more->size() + bytes.size());
      left_ += more->size();
      state_ = State::data;
      break;
    }
    one = std::move(*more);
  }
  return Chunk::adopt(gathered, used);
}

}  // namespace meshd
