// gcm_alt.cc: mbedTLS's AES-GCM calls, answered by intel-ipsec-mb.
// SPDX-License-Identifier: Apache-2.0
//
// TLS records take the short way: mbedtls_gcm_crypt_and_tag and mbedtls_gcm_auth_decrypt are one call each into the
// assembly. The streaming calls work on the same key. What the library has no fast code for (192-bit keys, CPUs
// without AES-NI, other ciphers) goes to mbedTLS's own implementation, compiled under other names
// (tools/mbedtls/gcm_portable.c).
#include "tls/ipsecmb/gcm_alt.h"

// This header alone of mbedTLS forgets that C++ exists.
extern "C" {
#include <mbedtls/constant_time.h>
}
#include <mbedtls/gcm.h>
#include <mbedtls/platform_util.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

#include "tls/ipsecmb/gcm_portable.h"
#include "tls/ipsecmb/levels.h"

using meshd::tls::GcmFunctions;
using meshd::tls::GcmLevel;

namespace {

constexpr size_t kTagBytes = 16;
constexpr size_t kTagBytesMin = 4;                       // NIST SP 800-38D 5.2.1.2
constexpr size_t kIvBytesUsual = 12;                     // the only length TLS uses
constexpr uint64_t kTextBytesMax = 0xFFFFFFFE0ULL;       // 2^36 - 32, NIST SP 800-38D 5.2.1.1
constexpr uint64_t kAadOrIvBytesMax = (1ULL << 61) - 1;  // 2^64 - 1 bits, the same
constexpr uint8_t kNothing[kTagBytes] = {};              // stands in for null pointers of empty inputs

std::atomic<int> chosen_level{-1};

GcmLevel current_level() {
  const int level = chosen_level.load(std::memory_order_relaxed);
  return level < 0 ? meshd::tls::best_gcm_level() : static_cast<GcmLevel>(level);
}

const uint8_t* some(const uint8_t* data) { return data != nullptr ? data : kNothing; }

// Writing `length` bytes at `out` must not destroy bytes of `in` that are still to be read.
bool overlaps_ahead(const uint8_t* in, const uint8_t* out, size_t length) {
  return out > in && static_cast<size_t>(out - in) < length;
}

}  // namespace

// Aligned for the assembly; one per key, so about 1.2 KiB for each direction of a connection.
struct alignas(64) meshd_gcm_fast {
  gcm_key_data key;                   // by setkey
  const GcmFunctions* run = nullptr;  // by setkey
  gcm_context_data state;             // by starts, update, finish, and inside every one-shot call
  int mode = MBEDTLS_GCM_DECRYPT;     // by starts
  bool text_begun = false;            // by update: from here no AAD is taken
  uint64_t text_bytes = 0;            // by update
  uint8_t* aad = nullptr;             // by update_ad, kept until the text begins; owned
  size_t aad_bytes = 0;

  ~meshd_gcm_fast() { forget_aad(); }

  void forget_aad() {
    std::free(aad);
    aad = nullptr;
    aad_bytes = 0;
  }

  // The library wants all AAD when a message starts; mbedTLS hands it over afterwards, in pieces. So a second state
  // hashes the AAD, and its hash and length move into the real one.
  void begin_text() {
    if (text_begun) return;
    text_begun = true;
    if (aad_bytes == 0) return;
    gcm_context_data hashed;
    run->init(&key, &hashed, kNothing, aad, aad_bytes);
    std::memcpy(state.aad_hash, hashed.aad_hash, sizeof state.aad_hash);
    state.aad_length = hashed.aad_length;
    forget_aad();
  }
};

namespace meshd::tls {

bool use_gcm_level(GcmLevel level) {
  if (level > best_gcm_level()) return false;
  chosen_level.store(static_cast<int>(level), std::memory_order_relaxed);
  return true;
}

}  // namespace meshd::tls

extern "C" {

void mbedtls_gcm_init(mbedtls_gcm_context* ctx) { *ctx = {}; }

void mbedtls_gcm_free(mbedtls_gcm_context* ctx) {
  if (ctx == nullptr) return;
  if (ctx->fast != nullptr) {
    ctx->fast->~meshd_gcm_fast();
    mbedtls_platform_zeroize(static_cast<void*>(ctx->fast), sizeof *ctx->fast);
    std::free(ctx->fast);
  }
  if (ctx->portable != nullptr) meshd_gcm_portable_free(ctx->portable);
  *ctx = {};
}

int mbedtls_gcm_setkey(mbedtls_gcm_context* ctx, mbedtls_cipher_id_t cipher, const unsigned char* key,
                       unsigned int keybits) {
  mbedtls_gcm_free(ctx);
  const GcmFunctions* run = nullptr;
  if (cipher == MBEDTLS_CIPHER_ID_AES) run = meshd::tls::gcm_functions(current_level(), keybits);
  if (run == nullptr) {
    ctx->portable = meshd_gcm_portable_new();
    if (ctx->portable == nullptr) return MBEDTLS_ERR_CIPHER_ALLOC_FAILED;
    return meshd_gcm_portable_setkey(ctx->portable, cipher, key, keybits);
  }

  void* memory = std::aligned_alloc(alignof(meshd_gcm_fast), sizeof(meshd_gcm_fast));
  if (memory == nullptr) return MBEDTLS_ERR_CIPHER_ALLOC_FAILED;
  ctx->fast = new (memory) meshd_gcm_fast{};
  ctx->fast->run = run;
  run->expand_key(key, ctx->fast->key.expanded_keys);
  run->precompute(&ctx->fast->key);
  return 0;
}

int mbedtls_gcm_crypt_and_tag(mbedtls_gcm_context* ctx, int mode, size_t length, const unsigned char* iv,
                              size_t iv_len, const unsigned char* add, size_t add_len,
                              const unsigned char* input, unsigned char* output, size_t tag_len,
                              unsigned char* tag) {
  if (ctx->portable != nullptr) {
    return meshd_gcm_portable_crypt_and_tag(ctx->portable, mode, length, iv, iv_len, add, add_len, input,
                                            output, tag_len, tag);
  }
  meshd_gcm_fast* const fast = ctx->fast;
  if (fast == nullptr || tag_len < kTagBytesMin || tag_len > kTagBytes || length > kTextBytesMax ||
      overlaps_ahead(input, output, length)) {
    return MBEDTLS_ERR_GCM_BAD_INPUT;
  }

  if (iv_len != kIvBytesUsual) {
    size_t written = 0;
    int error = mbedtls_gcm_starts(ctx, mode, iv, iv_len);
    if (error == 0) error = mbedtls_gcm_update_ad(ctx, add, add_len);
    if (error == 0) error = mbedtls_gcm_update(ctx, input, length, output, length, &written);
    if (error == 0) error = mbedtls_gcm_finish(ctx, nullptr, 0, &written, tag, tag_len);
    return error;
  }

  uint8_t whole_tag[kTagBytes];
  uint8_t no_output[kTagBytes];
  auto* const run = mode == MBEDTLS_GCM_ENCRYPT ? fast->run->encrypt : fast->run->decrypt;
  run(&fast->key, &fast->state, output != nullptr ? output : no_output, some(input), length, iv, some(add),
      add_len, whole_tag, kTagBytes);
  std::memcpy(tag, whole_tag, tag_len);
  return 0;
}

int mbedtls_gcm_auth_decrypt(mbedtls_gcm_context* ctx, size_t length, const unsigned char* iv, size_t iv_len,
                             const unsigned char* add, size_t add_len, const unsigned char* tag,
                             size_t tag_len, const unsigned char* input, unsigned char* output) {
  uint8_t expected[kTagBytes];
  if (tag_len > sizeof expected) return MBEDTLS_ERR_GCM_BAD_INPUT;
  const int error = mbedtls_gcm_crypt_and_tag(ctx, MBEDTLS_GCM_DECRYPT, length, iv, iv_len, add, add_len,
                                              input, output, tag_len, expected);
  if (error != 0) return error;
  if (mbedtls_ct_memcmp(tag, expected, tag_len) != 0) {
    // No unauthenticated byte leaves this function.
    if (length != 0) mbedtls_platform_zeroize(output, length);
    return MBEDTLS_ERR_GCM_AUTH_FAILED;
  }
  return 0;
}

int mbedtls_gcm_starts(mbedtls_gcm_context* ctx, int mode, const unsigned char* iv, size_t iv_len) {
  if (ctx->portable != nullptr) return meshd_gcm_portable_starts(ctx->portable, mode, iv, iv_len);
  meshd_gcm_fast* const fast = ctx->fast;
  if (fast == nullptr || iv_len == 0 || iv_len > kAadOrIvBytesMax) return MBEDTLS_ERR_GCM_BAD_INPUT;
  fast->forget_aad();
  fast->mode = mode;
  fast->text_begun = false;
  fast->text_bytes = 0;
  if (iv_len == kIvBytesUsual) {
    fast->run->init(&fast->key, &fast->state, iv, kNothing, 0);
  } else {
    fast->run->init_var_iv(&fast->key, &fast->state, iv, iv_len, kNothing, 0);
  }
  return 0;
}

int mbedtls_gcm_update_ad(mbedtls_gcm_context* ctx, const unsigned char* add, size_t add_len) {
  if (ctx->portable != nullptr) return meshd_gcm_portable_update_ad(ctx->portable, add, add_len);
  meshd_gcm_fast* const fast = ctx->fast;
  if (fast == nullptr || fast->text_begun || add_len > kAadOrIvBytesMax - fast->aad_bytes) {
    return MBEDTLS_ERR_GCM_BAD_INPUT;
  }
  if (add_len == 0) return 0;
  auto* const grown = static_cast<uint8_t*>(std::realloc(fast->aad, fast->aad_bytes + add_len));
  if (grown == nullptr) return MBEDTLS_ERR_CIPHER_ALLOC_FAILED;
  std::memcpy(grown + fast->aad_bytes, add, add_len);
  fast->aad = grown;
  fast->aad_bytes += add_len;
  return 0;
}

int mbedtls_gcm_update(mbedtls_gcm_context* ctx, const unsigned char* input, size_t input_length,
                       unsigned char* output, size_t output_size, size_t* output_length) {
  if (ctx->portable != nullptr) {
    return meshd_gcm_portable_update(ctx->portable, input, input_length, output, output_size, output_length);
  }
  meshd_gcm_fast* const fast = ctx->fast;
  if (fast == nullptr) return MBEDTLS_ERR_GCM_BAD_INPUT;
  if (output_size < input_length) return MBEDTLS_ERR_GCM_BUFFER_TOO_SMALL;
  *output_length = input_length;
  // An empty piece changes nothing, as in mbedTLS: AAD may still follow.
  if (input_length == 0) return 0;
  if (overlaps_ahead(input, output, input_length) || input_length > kTextBytesMax - fast->text_bytes) {
    return MBEDTLS_ERR_GCM_BAD_INPUT;
  }
  fast->begin_text();
  fast->text_bytes += input_length;
  auto* const run = fast->mode == MBEDTLS_GCM_ENCRYPT ? fast->run->encrypt_update : fast->run->decrypt_update;
  run(&fast->key, &fast->state, output, input, input_length);
  return 0;
}

int mbedtls_gcm_finish(mbedtls_gcm_context* ctx, unsigned char* output, size_t output_size,
                       size_t* output_length, unsigned char* tag, size_t tag_len) {
  if (ctx->portable != nullptr) {
    return meshd_gcm_portable_finish(ctx->portable, output, output_size, output_length, tag, tag_len);
  }
  meshd_gcm_fast* const fast = ctx->fast;
  // Every update wrote its whole input, so nothing is left to put into `output`.
  *output_length = 0;
  if (fast == nullptr || tag_len < kTagBytesMin || tag_len > kTagBytes) return MBEDTLS_ERR_GCM_BAD_INPUT;
  fast->begin_text();
  uint8_t whole_tag[kTagBytes];
  auto* const run =
      fast->mode == MBEDTLS_GCM_ENCRYPT ? fast->run->encrypt_finalize : fast->run->decrypt_finalize;
  run(&fast->key, &fast->state, whole_tag, kTagBytes);
  std::memcpy(tag, whole_tag, tag_len);
  return 0;
}

}  // extern "C"
