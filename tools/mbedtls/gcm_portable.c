/* gcm_portable.c: compiles mbedTLS's library/gcm.c once more, under the names of gcm_portable.h. */
/* SPDX-License-Identifier: Apache-2.0 */
/* MESHD_PORTABLE_GCM takes MBEDTLS_GCM_ALT out of the configuration for this file alone. */
#define MESHD_PORTABLE_GCM

#define mbedtls_gcm_context meshd_gcm_portable
#define mbedtls_gcm_init meshd_gcm_portable_init
#define mbedtls_gcm_free meshd_gcm_portable_wipe
#define mbedtls_gcm_setkey meshd_gcm_portable_setkey
#define mbedtls_gcm_crypt_and_tag meshd_gcm_portable_crypt_and_tag
#define mbedtls_gcm_auth_decrypt meshd_gcm_portable_auth_decrypt
#define mbedtls_gcm_starts meshd_gcm_portable_starts
#define mbedtls_gcm_update_ad meshd_gcm_portable_update_ad
#define mbedtls_gcm_update meshd_gcm_portable_update
#define mbedtls_gcm_finish meshd_gcm_portable_finish
#define mbedtls_gcm_self_test meshd_gcm_portable_self_test

#include "gcm.c"

#include <stdlib.h>

#include "gcm_portable.h"

struct meshd_gcm_portable* meshd_gcm_portable_new(void) {
  struct meshd_gcm_portable* ctx = malloc(sizeof *ctx);
  if (ctx != NULL) meshd_gcm_portable_init(ctx);
  return ctx;
}

void meshd_gcm_portable_free(struct meshd_gcm_portable* ctx) {
  meshd_gcm_portable_wipe(ctx);
  free(ctx);
}
