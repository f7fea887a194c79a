/* gcm_alt.h: what an mbedtls_gcm_context is when AES-GCM runs on intel-ipsec-mb (MBEDTLS_GCM_ALT). */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbedTLS itself includes this header, so it is plain C; tools/mbedtls/build installs a copy next to <mbedtls/>.
 * It holds two pointers only, and changing gcm_alt.cc never means rebuilding mbedTLS.
 */
#ifndef MESHD_TLS_IPSECMB_GCM_ALT_H
#define MESHD_TLS_IPSECMB_GCM_ALT_H

typedef struct mbedtls_gcm_context {
  struct meshd_gcm_fast* fast;         /* AES-128 and AES-256 on a CPU with AES-NI; owned, set by setkey */
  struct meshd_gcm_portable* portable; /* everything else: mbedTLS's own code; owned, set by setkey */
} mbedtls_gcm_context;

#endif
