/* gcm_portable.h: mbedTLS's own AES-GCM under names that leave mbedtls_gcm_* free for gcm_alt.cc. */
/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled with mbedTLS (tools/mbedtls/gcm_portable.c); plain C for that reason. Each call is mbedtls_gcm_<call>. */
#ifndef MESHD_TLS_IPSECMB_GCM_PORTABLE_H
#define MESHD_TLS_IPSECMB_GCM_PORTABLE_H

#include <mbedtls/cipher.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct meshd_gcm_portable;

/* Null when memory is out. */
struct meshd_gcm_portable* meshd_gcm_portable_new(void);
/* Wipes the key. */
void meshd_gcm_portable_free(struct meshd_gcm_portable* ctx);

int meshd_gcm_portable_setkey(struct meshd_gcm_portable* ctx, mbedtls_cipher_id_t cipher,
                              const unsigned char* key, unsigned int key_bits);
int meshd_gcm_portable_crypt_and_tag(struct meshd_gcm_portable* ctx, int mode, size_t length,
                                     const unsigned char* iv, size_t iv_len, const unsigned char* add,
                                     size_t add_len, const unsigned char* input, unsigned char* output,
                                     size_t tag_len, unsigned char* tag);
int meshd_gcm_portable_starts(struct meshd_gcm_portable* ctx, int mode, const unsigned char* iv,
                              size_t iv_len);
int meshd_gcm_portable_update_ad(struct meshd_gcm_portable* ctx, const unsigned char* add, size_t add_len);
int meshd_gcm_portable_update(struct meshd_gcm_portable* ctx, const unsigned char* input, size_t input_length,
                              unsigned char* output, size_t output_size, size_t* output_length);
int meshd_gcm_portable_finish(struct meshd_gcm_portable* ctx, unsigned char* output, size_t output_size,
                              size_t* output_length, unsigned char* tag, size_t tag_len);

#ifdef __cplusplus
}
#endif

#endif
