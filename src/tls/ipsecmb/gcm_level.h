// gcm_level.h: which AES-GCM code runs on this CPU.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

namespace meshd::tls {

// Each level needs a newer CPU than the one before and gives the same bytes faster.
enum class GcmLevel : uint8_t {
  portable,  // mbedTLS's own code, with AES-NI where there is one
  sse,       // AES-NI and PCLMULQDQ on 128-bit registers
  avx2,      // the same, with three operands and wider shuffles
  vaes,      // four blocks an instruction: VAES and VPCLMULQDQ on AVX-512
};

const char* name_of(GcmLevel level);

// The highest level that this CPU and kernel run. Asked once; the answer never changes.
GcmLevel best_gcm_level();

// Keys set from now on use `level`; for tests and benchmarks. False, and no change, if the CPU cannot run it.
bool use_gcm_level(GcmLevel level);

}  // namespace meshd::tls
