// SPDX-License-Identifier: Apache-2.0
// h1_parser.h: from bytes to heads as received (RFC 9112 sections 2 to 5). What they mean is for semantics.h.
//
// A scan of our own finds lines and their limits while bytes arrive; llhttp then reads the complete head.
// A head that came whole is read where it lies; of a slow one the bytes are copied, so that thousands of slow
// clients do not pin a read block each.
#pragma once
#include <string>

#include "base/chunk.h"
#include "base/limits.h"
#include "base/result.h"
#include "http/fields.h"
#include "http/semantics.h"

namespace meshd {

// How much of a head is taken.
struct HeadLimits {
  size_t fields = kHeadFieldsMax;
  size_t bytes = kHeadBytesMax;
  // From a node of the mesh: what it took, and what it added.
  static HeadLimits mesh() { return {kHeadFieldsMax + kHopFields, kHeadBytesMax + kHopBytes}; }
};

class H1HeadParser {
 public:
  enum class Kind : uint8_t { request, response };
  explicit H1HeadParser(Kind kind, HeadLimits limits = {}) : kind_(kind), limits_(limits) {}

  // Takes bytes of one head from the front of `bytes`; what follows the head stays there.
  // True: `head` is filled with method, target, version (or status) and fields, and the next call begins another.
  // False: all bytes were taken and more are needed.
  // Errors (side client or upstream): protocol, target_too_long, head_too_large, unsupported_version,
  // unsupported (a method llhttp does not know). Final.
  Result<bool> feed(Chunk& bytes, RequestHead& head);
  Result<bool> feed(Chunk& bytes, ResponseHead& head);

  // Part of a head is there.
  bool begun() const { return !kept_.empty(); }

 private:
  struct StartLine {
    std::string_view method, target;
    HttpVersion version = HttpVersion::http11;
    uint16_t status = 0;
  };
  // The complete head in `text` that begins at head_start_, or nothing yet.
  Result<std::string_view> scan(std::string_view text);
  Result<> check_line(std::string_view line);
  Result<StartLine> split_start_line(std::string_view line) const;
  Result<StartLine> split_request_line(std::string_view line) const;
  Result<StartLine> split_status_line(std::string_view line) const;
  Result<std::string_view> take_head(Chunk& bytes);
  Result<> read_fields(std::string_view head, const StartLine& start, Fields& fields) const;
  template <class Head>
  Result<> read_head(std::string_view text, Head& head);
  Side side() const { return kind_ == Kind::request ? Side::client : Side::upstream; }
  void restart();

  Kind kind_;
  HeadLimits limits_;
  std::string kept_;       // bytes of an incomplete head
  std::string spent_;      // the head just read, where it was kept: views of it live until the next feed
  size_t head_start_ = 0;  // after skipped blank lines
  size_t line_start_ = 0;  // of the line being scanned
  size_t scanned_ = 0;
  size_t fields_start_ = 0;
  size_t lines_ = 0;
  bool trailing_space_ = false;  // some line has white space before its end
};

}  // namespace meshd
