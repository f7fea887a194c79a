// levels.cc: finds the CPU's level and the functions that belong to it.
// SPDX-License-Identifier: Apache-2.0
#include "tls/ipsecmb/levels.h"

// Not all of these stand in the library's public header, but all have external names, the same in 1.3 and 2.0.
#define MESHD_GCM_DECLARE(bits, suffix)                                                           \
  extern "C" {                                                                                    \
  meshd::tls::GcmFunctions::Precompute aes_gcm_precomp_##bits##_##suffix;                         \
  meshd::tls::GcmFunctions::OneShot aes_gcm_enc_##bits##_##suffix, aes_gcm_dec_##bits##_##suffix; \
  meshd::tls::GcmFunctions::Init aes_gcm_init_##bits##_##suffix;                                  \
  meshd::tls::GcmFunctions::InitVarIv aes_gcm_init_var_iv_##bits##_##suffix;                      \
  meshd::tls::GcmFunctions::Update aes_gcm_enc_##bits##_update_##suffix,                          \
      aes_gcm_dec_##bits##_update_##suffix;                                                       \
  meshd::tls::GcmFunctions::Finalize aes_gcm_enc_##bits##_finalize_##suffix,                      \
      aes_gcm_dec_##bits##_finalize_##suffix;                                                     \
  }

#define MESHD_GCM_TABLE(bits, suffix)      \
  {aes_keyexp_##bits##_enc_sse,            \
   aes_gcm_precomp_##bits##_##suffix,      \
   aes_gcm_enc_##bits##_##suffix,          \
   aes_gcm_dec_##bits##_##suffix,          \
   aes_gcm_init_##bits##_##suffix,         \
   aes_gcm_init_var_iv_##bits##_##suffix,  \
   aes_gcm_enc_##bits##_update_##suffix,   \
   aes_gcm_dec_##bits##_update_##suffix,   \
   aes_gcm_enc_##bits##_finalize_##suffix, \
   aes_gcm_dec_##bits##_finalize_##suffix}

MESHD_GCM_DECLARE(128, sse)
MESHD_GCM_DECLARE(256, sse)
MESHD_GCM_DECLARE(128, avx_gen4)
MESHD_GCM_DECLARE(256, avx_gen4)
MESHD_GCM_DECLARE(128, vaes_avx512)
MESHD_GCM_DECLARE(256, vaes_avx512)

namespace meshd::tls {
namespace {

constexpr GcmFunctions kSse[] = {MESHD_GCM_TABLE(128, sse), MESHD_GCM_TABLE(256, sse)};
constexpr GcmFunctions kAvx2[] = {MESHD_GCM_TABLE(128, avx_gen4), MESHD_GCM_TABLE(256, avx_gen4)};
constexpr GcmFunctions kVaes[] = {MESHD_GCM_TABLE(128, vaes_avx512), MESHD_GCM_TABLE(256, vaes_avx512)};

// __builtin_cpu_supports also asks whether the kernel saves the wider registers.
GcmLevel detect() {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("aes") || !__builtin_cpu_supports("pclmul") ||
      !__builtin_cpu_supports("sse4.2")) {
    return GcmLevel::portable;
  }
  if (!__builtin_cpu_supports("avx2")) return GcmLevel::sse;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512dq") ||
      !__builtin_cpu_supports("avx512cd") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("vaes") ||
      !__builtin_cpu_supports("vpclmulqdq")) {
    return GcmLevel::avx2;
  }
  return GcmLevel::vaes;
}

}  // namespace

const char* name_of(GcmLevel level) {
  switch (level) {
    case GcmLevel::portable: return "portable";
    case GcmLevel::sse: return "sse";
    case GcmLevel::avx2: return "avx2";
    case GcmLevel::vaes: return "vaes";
  }
  return "unknown";
}

GcmLevel best_gcm_level() {
  static const GcmLevel level = detect();
  return level;
}

const GcmFunctions* gcm_functions(GcmLevel level, unsigned key_bits) {
  if (key_bits != 128 && key_bits != 256) return nullptr;
  const size_t size = key_bits == 256;
  switch (level) {
    case GcmLevel::portable: return nullptr;
    case GcmLevel::sse: return &kSse[size];
    case GcmLevel::avx2: return &kAvx2[size];
    case GcmLevel::vaes: return &kVaes[size];
  }
  return nullptr;
}

}  // namespace meshd::tls
