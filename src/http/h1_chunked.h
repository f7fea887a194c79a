// SPDX-License-Identifier: Apache-2.0
// h1_chunked.h: the chunked transfer coding (RFC 9112 section 7.1), decoded without copying.
//
// Ours and not llhttp's: llhttp's versions differ in what white space and bare LF they forgive here, it bounds no
// line, and it cannot stop between two pieces of content without a pause for each.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "base/chunk.h"
#include "base/result.h"
#include "http/fields.h"

namespace meshd {

class ChunkedDecoder {
 public:
  // Takes coded bytes from the front of `bytes` and gives content: a slice of it, or a copy of several small
  // pieces. Empty: all of `bytes` was taken and more is needed, or done().
  // Errors: protocol, head_too_large (trailers). Final.
  Result<Chunk> next(Chunk& bytes, Side side);
  // The last chunk and the trailers were read; `bytes` begins with what follows the message.
  bool done() const { return state_ == State::done; }
  // Checked trailer fields; null where there were none.
  std::unique_ptr<Fields> take_trailers() { return std::move(trailers_); }

 private:
  enum class State : uint8_t { size, extension, size_lf, data, data_cr, data_lf, trailer, done };
  Result<Chunk> piece(Chunk& bytes, Side side);
  Result<> size_byte(char c, Side side);
  Result<> trailer_bytes(Chunk& bytes, Side side);
  Result<> trailer_line(std::string_view line, Side side);

  State state_ = State::size;
  uint16_t line_bytes_ = 0;  // of this chunk-size line
  bool has_digit_ = false;
  uint64_t left_ = 0;  // of this chunk's data
  std::string line_;   // an unfinished trailer line
  size_t trailer_size_ = 0;
  std::unique_ptr<Fields> trailers_;
};

}  // namespace meshd
