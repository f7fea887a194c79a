/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meshd_mbedtls_config.h: what meshd compiles of mbedTLS 3.6.
 *
 * tools/deps installs this file as <mbedtls/mbedtls_config.h>, so the library and everyone who includes it agree.
 * Rule: TLS 1.3 on stream sockets, X.509 both ways, and nothing that opens a file or a socket by itself.
 */
#ifndef MESHD_MBEDTLS_CONFIG_H
#define MESHD_MBEDTLS_CONFIG_H

/* --- Platform ------------------------------------------------------------------------------------------------ */

#define MBEDTLS_HAVE_ASM
#define MBEDTLS_HAVE_TIME
#define MBEDTLS_HAVE_TIME_DATE
#define MBEDTLS_PLATFORM_C
/* The PSA key store and random generator are shared by every loop thread and the control thread. */
#define MBEDTLS_THREADING_C
#define MBEDTLS_THREADING_PTHREAD
#define MBEDTLS_ERROR_C
#define MBEDTLS_VERSION_C
/* Unused self tests are dropped by the linker; our unit tests run the GCM ones. */
#define MBEDTLS_SELF_TEST

/* --- Random numbers ------------------------------------------------------------------------------------------ */

#define MBEDTLS_ENTROPY_C
#define MBEDTLS_CTR_DRBG_C
#define MBEDTLS_HMAC_DRBG_C

/* --- Ciphers: the three TLS 1.3 suites worth having ----------------------------------------------------------- */

#define MBEDTLS_AES_C
#define MBEDTLS_AESNI_C
#define MBEDTLS_AESCE_C
#define MBEDTLS_GCM_C
/* On x86-64 AES-GCM runs on intel-ipsec-mb, thirty times faster: see src/tls/ipsecmb/. */
#if defined(__x86_64__) && !defined(MESHD_PORTABLE_GCM)
#define MBEDTLS_GCM_ALT
#endif
#define MBEDTLS_CHACHA20_C
#define MBEDTLS_POLY1305_C
#define MBEDTLS_CHACHAPOLY_C
#define MBEDTLS_CIPHER_C

/* --- Digests -------------------------------------------------------------------------------------------------- */

#define MBEDTLS_MD_C
/* SHA-1 only names keys (subject key identifiers, RFC 5280 4.2.1.2); no certificate profile of ours accepts it. */
#define MBEDTLS_SHA1_C
#define MBEDTLS_SHA224_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA384_C
#define MBEDTLS_SHA512_C
#define MBEDTLS_HKDF_C

/* --- Public keys ---------------------------------------------------------------------------------------------- */

#define MBEDTLS_BIGNUM_C
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_DP_SECP384R1_ENABLED
#define MBEDTLS_ECP_DP_CURVE25519_ENABLED
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECDH_C
/* Formally verified X25519; about five times the handshakes of the generic one. */
#define MBEDTLS_ECDH_VARIANT_EVEREST_ENABLED
#define MBEDTLS_ECDSA_C
#define MBEDTLS_ECDSA_DETERMINISTIC
/* RSA only verifies what others signed (tokens, foreign chains); no key is generated. */
#define MBEDTLS_RSA_C
#define MBEDTLS_PKCS1_V15
#define MBEDTLS_PKCS1_V21
#define MBEDTLS_PK_C
#define MBEDTLS_PK_PARSE_C
#define MBEDTLS_PK_PARSE_EC_COMPRESSED
#define MBEDTLS_PK_WRITE_C

/* --- Encodings and X.509 ---------------------------------------------------------------------------------------- */

#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
#define MBEDTLS_BASE64_C
#define MBEDTLS_OID_C
#define MBEDTLS_PEM_PARSE_C
#define MBEDTLS_PEM_WRITE_C
#define MBEDTLS_X509_USE_C
#define MBEDTLS_X509_CREATE_C
#define MBEDTLS_X509_CRT_PARSE_C
#define MBEDTLS_X509_CRT_WRITE_C
#define MBEDTLS_X509_CSR_PARSE_C
#define MBEDTLS_X509_CSR_WRITE_C
#define MBEDTLS_X509_RSASSA_PSS_SUPPORT
/* Trust anchors are looked up in the current bundle instead of being copied into every configuration. */
#define MBEDTLS_X509_TRUSTED_CERTIFICATE_CALLBACK

/* --- PSA -------------------------------------------------------------------------------------------------------- */

/* TLS 1.3 needs PSA for its key schedule. MBEDTLS_USE_PSA_CRYPTO stays off: with it the record layer sets the
 * cipher key up again for every record. No key is stored by PSA, so its storage is left out. */
#define MBEDTLS_PSA_CRYPTO_C
#define MBEDTLS_PSA_KEY_STORE_DYNAMIC

/* --- TLS 1.3 ------------------------------------------------------------------------------------------------------ */

#define MBEDTLS_SSL_TLS_C
#define MBEDTLS_SSL_CLI_C
#define MBEDTLS_SSL_SRV_C
#define MBEDTLS_SSL_PROTO_TLS1_3
/* Middleboxes on the way expect the legacy session id and change_cipher_spec (RFC 8446 D.4). */
#define MBEDTLS_SSL_TLS1_3_COMPATIBILITY_MODE
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ENABLED
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL_ENABLED
#define MBEDTLS_SSL_ALL_ALERT_MESSAGES
#define MBEDTLS_SSL_KEEP_PEER_CERTIFICATE
#define MBEDTLS_SSL_ALPN
#define MBEDTLS_SSL_SERVER_NAME_INDICATION
#define MBEDTLS_SSL_SESSION_TICKETS
#define MBEDTLS_SSL_TICKET_C
/* MBEDTLS_SSL_VARIABLE_BUFFER_LENGTH is off: it shrinks buffers only after a negotiated max_fragment_length, which
 * no peer of ours asks for, and it only grows code. */

#endif /* MESHD_MBEDTLS_CONFIG_H */
