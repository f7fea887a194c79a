// SPDX-License-Identifier: Apache-2.0
#include "tls/record_buffers.h"

#include <malloc.h>
#include <mbedtls/platform_util.h>

#include <cstdlib>
#include <cstring>
#include <vector>

namespace meshd {
namespace {

// More that lie unused are given back to the system.
constexpr size_t kSpareMax = 32;

// Buffers of one kind that no connection of this thread uses. They were made by the library, or are as large as
// those.
class Spares {
 public:
  unsigned char* get() {
    if (spare_.empty()) return static_cast<unsigned char*>(calloc(1, size_));
    unsigned char* buffer = spare_.back();
    spare_.pop_back();
    return buffer;
  }
  void put(unsigned char* buffer) {
    if (size_ == 0) size_ = malloc_usable_size(buffer);
    if (spare_.size() < kSpareMax)
      spare_.push_back(buffer);
    else
      wipe(buffer);
  }
  ~Spares() {
    for (unsigned char* buffer : spare_) wipe(buffer);
  }

 private:
  void wipe(unsigned char* buffer) {
    mbedtls_platform_zeroize(buffer, size_);
    free(buffer);
  }
  size_t size_ = 0;
  std::vector<unsigned char*> spare_;
};

Spares& in_spares() {
  thread_local Spares s;
  return s;
}
Spares& out_spares() {
  thread_local Spares s;
  return s;
}

uint16_t offset(const unsigned char* base, const unsigned char* at) {
  return static_cast<uint16_t>(at - base);
}

}  // namespace

bool RecordBuffers::lend(mbedtls_ssl_context& ssl) {
  if (!away_) return true;
  unsigned char* in = in_spares().get();
  unsigned char* out = out_spares().get();
  if (in == nullptr || out == nullptr) {
    free(in);
    free(out);
    return false;
  }
  away_ = false;
  std::memcpy(in + in_.counter, in_counter_, sizeof in_counter_);
  ssl.in_buf = in;
  ssl.in_ctr = in + in_.counter;
  ssl.in_hdr = in + in_.header;
  ssl.in_len = in + in_.length;
  ssl.in_iv = in + in_.iv;
  ssl.in_msg = in + in_.message;
  ssl.out_buf = out;
  ssl.out_ctr = out + out_.counter;
  ssl.out_hdr = out + out_.header;
  ssl.out_len = out + out_.length;
  ssl.out_iv = out + out_.iv;
  ssl.out_msg = out + out_.message;
  return true;
}

void RecordBuffers::take_back(mbedtls_ssl_context& ssl) {
  bool used = ssl.in_left != 0 || ssl.in_msglen != 0 || ssl.in_offt != nullptr || ssl.in_hslen != 0 ||
              ssl.badmac_seen_or_in_hsfraglen != 0 || ssl.keep_current_message != 0 || ssl.out_left != 0;
  if (away_ || used) return;
  away_ = true;
  std::memcpy(in_counter_, ssl.in_ctr, sizeof in_counter_);
  in_ = {offset(ssl.in_buf, ssl.in_ctr), offset(ssl.in_buf, ssl.in_hdr), offset(ssl.in_buf, ssl.in_len),
         offset(ssl.in_buf, ssl.in_iv), offset(ssl.in_buf, ssl.in_msg)};
  out_ = {offset(ssl.out_buf, ssl.out_ctr), offset(ssl.out_buf, ssl.out_hdr),
          offset(ssl.out_buf, ssl.out_len), offset(ssl.out_buf, ssl.out_iv),
          offset(ssl.out_buf, ssl.out_msg)};
  in_spares().put(ssl.in_buf);
  out_spares().put(ssl.out_buf);
  ssl.in_buf = ssl.in_hdr = ssl.in_len = ssl.in_iv = ssl.in_msg = nullptr;
  ssl.in_ctr = in_counter_;
  ssl.out_buf = ssl.out_ctr = ssl.out_hdr = ssl.out_len = ssl.out_iv = ssl.out_msg = nullptr;
}

}  // namespace meshd
