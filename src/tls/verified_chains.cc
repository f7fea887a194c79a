// SPDX-License-Identifier: Apache-2.0
// verified_chains.cc: stands before the library's verification of chains. The linker leads the handshake's call here
// (--wrap, see CMakeLists.txt).
#include "tls/verified_chains.h"

#include <string>
#include <unordered_map>

#include "base/small_vector.h"
#include "tls/digest.h"
#include "tls/mbed.h"

using Judge = int(void*, mbedtls_x509_crt*, int, uint32_t*);

// NOLINTBEGIN(bugprone-reserved-identifier): the names that --wrap gives.
extern "C" {
int __real_mbedtls_x509_crt_verify_restartable(mbedtls_x509_crt* chain, mbedtls_x509_crt* roots,
                                               mbedtls_x509_crl* revoked,
                                               const mbedtls_x509_crt_profile* profile, const char* name,
                                               uint32_t* flags, Judge* judge, void* self,
                                               mbedtls_x509_crt_restart_ctx* restart);
int __wrap_mbedtls_x509_crt_verify_restartable(mbedtls_x509_crt* chain, mbedtls_x509_crt* roots,
                                               mbedtls_x509_crl* revoked,
                                               const mbedtls_x509_crt_profile* profile, const char* name,
                                               uint32_t* flags, Judge* judge, void* self,
                                               mbedtls_x509_crt_restart_ctx* restart);
}
// NOLINTEND(bugprone-reserved-identifier)

namespace meshd {
namespace {

// The library's path, root first: which of the roots, or of the certificates shown.
struct Step {
  bool root = false;
  size_t place = 0;
};
using Path = SmallVector<Step, 4>;

struct Known {
  std::unordered_map<std::string, Path> chains;
  VerifiedChainCounts counts;
};
Known& known() {
  thread_local Known k;
  return k;
}

// Every certificate is DER, which says its own length: no other two lists have these bytes.
std::string key_of(const mbedtls_x509_crt* chain, const mbedtls_x509_crt* roots) {
  std::string bytes;
  for (const auto* c = chain; c != nullptr; c = c->next) bytes += view_of(c->raw);
  bytes += '\n';
  for (const auto* c = roots; c != nullptr; c = c->next) bytes += view_of(c->raw);
  return sha256(bytes);
}

mbedtls_x509_crt* at(mbedtls_x509_crt* list, size_t place) {
  for (; list != nullptr && place > 0; --place) list = list->next;
  return list;
}

bool find(const mbedtls_x509_crt* list, const mbedtls_x509_crt* wanted, size_t& place) {
  place = 0;
  for (; list != nullptr; list = list->next, ++place)
    if (list == wanted) return true;
  return false;
}

// Passes the library's findings on, and notes the path.
struct Recorder {
  mbedtls_x509_crt* chain;
  mbedtls_x509_crt* roots;
  Judge* judge;
  void* self;
  Path path;
  bool clean = true;  // the library found nothing but what is judged anew each time

  static int on_certificate(void* recorder, mbedtls_x509_crt* crt, int depth, uint32_t* flags) {
    auto& r = *static_cast<Recorder*>(recorder);
    constexpr uint32_t kJudgedAnew =
        MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE | MBEDTLS_X509_BADCERT_CN_MISMATCH;
    Step step;
    step.root = find(r.roots, crt, step.place);
    if ((*flags & ~kJudgedAnew) != 0 || (!step.root && !find(r.chain, crt, step.place))) r.clean = false;
    r.path.push_back(step);
    return r.judge(r.self, crt, depth, flags);
  }
};

// What the library does once the signatures hold: each certificate of the path is judged, root first.
int judge_path(const Path& path, Recorder& r, uint32_t* flags) {
  *flags = 0;
  for (size_t i = 0; i < path.size(); ++i) {
    uint32_t found = 0;
    mbedtls_x509_crt* crt = at(path[i].root ? r.roots : r.chain, path[i].place);
    int status = r.judge(r.self, crt, static_cast<int>(path.size() - 1 - i), &found);
    if (status != 0) {
      *flags = ~uint32_t{0};
      return status;
    }
    *flags |= found;
  }
  return *flags == 0 ? 0 : MBEDTLS_ERR_X509_CERT_VERIFY_FAILED;
}

}  // namespace

VerifiedChainCounts verified_chain_counts() { return known().counts; }

}  // namespace meshd

// NOLINTNEXTLINE(bugprone-reserved-identifier)
int __wrap_mbedtls_x509_crt_verify_restartable(mbedtls_x509_crt* chain, mbedtls_x509_crt* roots,
                                               mbedtls_x509_crl* revoked,
                                               const mbedtls_x509_crt_profile* profile, const char* name,
                                               uint32_t* flags, Judge* judge, void* self,
                                               mbedtls_x509_crt_restart_ctx* restart) {
  using namespace meshd;
  if (judge == nullptr || restart != nullptr || revoked != nullptr)
    return __real_mbedtls_x509_crt_verify_restartable(chain, roots, revoked, profile, name, flags, judge,
                                                      self, restart);
  Known& k = known();
  Recorder recorder{chain, roots, judge, self, {}};
  std::string key = key_of(chain, roots);
  if (auto found = k.chains.find(key); found != k.chains.end()) {
    ++k.counts.known;
    return judge_path(found->second, recorder, flags);
  }
  int status = __real_mbedtls_x509_crt_verify_restartable(chain, roots, revoked, profile, name, flags,
                                                          Recorder::on_certificate, &recorder, restart);
  ++k.counts.verified;
  // A path ends at a root: else somebody's callback trusts what the library does not.
  bool trusted = !recorder.path.empty() && recorder.path[0].root;
  if (status == 0 && *flags == 0 && recorder.clean && trusted) {
    if (k.chains.size() >= kVerifiedChainsMax) k.chains.clear();
    k.chains.emplace(std::move(key), std::move(recorder.path));
  }
  return status;
}
