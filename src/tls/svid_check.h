// SPDX-License-Identifier: Apache-2.0
// svid_check.h: the body of verify_svid, shaped as the callback that mbedTLS calls for each certificate of a path, root
// first. verify_svid.cc runs it alone, tls_stream.cc inside handshakes. Included by .cc files of this folder only.
#pragma once
#include <mbedtls/x509_crt.h>

#include <optional>
#include <string>

#include "tls/verify_svid.h"

namespace meshd {

class SvidCheck {
 public:
  SvidCheck(std::string trust_domain, Expectations expect)
      : trust_domain_(std::move(trust_domain)), expect_(std::move(expect)) {}

  // An mbedtls_x509_crt_verify callback; `self` is the SvidCheck. Clears or sets every flag itself and never
  // returns an error of its own but MBEDTLS_ERR_X509_FATAL_ERROR once something is wrong.
  static int on_certificate(void* self, mbedtls_x509_crt* crt, int depth, uint32_t* flags);

  // The leaf's id once the whole path passed; else why not. Refuses when no leaf was seen.
  Result<SpiffeId> result() const;
  // Something was found wrong; false also before anything was seen.
  bool refused() const { return why_ != nullptr; }
  const Expectations& expectations() const { return expect_; }

  // What the library may accept while it builds the path.
  static const mbedtls_x509_crt_profile& profile();

 private:
  const char* problem_of(const mbedtls_x509_crt& crt, int depth, uint32_t flags);
  const char* problem_of_ca(const mbedtls_x509_crt& crt, int depth) const;
  const char* problem_of_leaf(const mbedtls_x509_crt& crt);

  std::string trust_domain_;
  Expectations expect_;
  std::optional<SpiffeId> id_;  // by problem_of_leaf, last of all
  const char* why_ = nullptr;   // the first problem
};

}  // namespace meshd
