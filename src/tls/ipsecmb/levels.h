// levels.h: the functions of intel-ipsec-mb that we call, one table for each level and key size.
// SPDX-License-Identifier: Apache-2.0
//
// They are called directly: the library's own manager would link every algorithm it has (13 MB). Even its function that
// sets a key would link every level and the 192-bit code (2 MB), so a key is set by its two parts.
#pragma once
#include <cstddef>
#include <cstdint>

#include <intel-ipsec-mb.h>

#include "tls/ipsecmb/gcm_level.h"

namespace meshd::tls {

struct GcmFunctions {
  // A key is set in two steps: its round keys, then the powers of the hash key that come from them.
  using ExpandKey = void(const void* key, void* round_keys);
  using Precompute = void(gcm_key_data*);
  // `tag` is written, in decryption too: comparing it is the caller's work.
  using OneShot = void(const gcm_key_data*, gcm_context_data*, uint8_t* out, const uint8_t* in,
                       uint64_t length, const uint8_t* iv, const uint8_t* aad, uint64_t aad_length,
                       uint8_t* tag, uint64_t tag_length);
  using Init = void(const gcm_key_data*, gcm_context_data*, const uint8_t* iv, const uint8_t* aad,
                    uint64_t aad_length);
  using InitVarIv = void(const gcm_key_data*, gcm_context_data*, const uint8_t* iv, uint64_t iv_length,
                         const uint8_t* aad, uint64_t aad_length);
  using Update = void(const gcm_key_data*, gcm_context_data*, uint8_t* out, const uint8_t* in,
                      uint64_t length);
  using Finalize = void(const gcm_key_data*, gcm_context_data*, uint8_t* tag, uint64_t tag_length);

  ExpandKey* expand_key;
  Precompute* precompute;
  OneShot* encrypt;
  OneShot* decrypt;
  Init* init;
  InitVarIv* init_var_iv;
  Update* encrypt_update;
  Update* decrypt_update;
  Finalize* encrypt_finalize;
  Finalize* decrypt_finalize;
};

// Null for GcmLevel::portable and for key sizes other than 128 and 256 bits.
const GcmFunctions* gcm_functions(GcmLevel level, unsigned key_bits);

}  // namespace meshd::tls
