// SPDX-License-Identifier: Apache-2.0
// record_buffers.h: the two buffers of 16 KiB that mbedTLS gives each connection, kept only while it uses them.
// Thousands of quiet connections hold none, and those of a busy loop share few, which stay in the processor's cache.
// Included by .cc files of this folder only.
#pragma once
#include "tls/mbed.h"  // first: it opens the library's structures

#include <mbedtls/ssl.h>

#include <cstdint>

namespace meshd {

// Of one connection after its handshake. The library's pointers into its buffers are this one's to move.
class RecordBuffers {
 public:
  // Buffers for a call of the library. False: out of memory.
  bool lend(mbedtls_ssl_context& ssl);
  // After it: they go back, unless part of a record, or of what was in one, is still in them.
  void take_back(mbedtls_ssl_context& ssl);
  bool lent() const { return !away_; }

 private:
  struct Offsets {
    uint16_t counter, header, length, iv, message;
  };
  bool away_ = false;
  unsigned char in_counter_[8];  // the record number stands in the buffer; while that is away, here
  Offsets in_, out_;
};

}  // namespace meshd
