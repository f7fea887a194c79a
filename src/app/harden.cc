// SPDX-License-Identifier: Apache-2.0
#include "app/harden.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <string_view>

#include "base/log.h"

namespace meshd {
namespace {

// Each connection is one descriptor or two; more than this is not needed, and some kernels offer 2^30.
constexpr rlim_t kFilesWanted = 1 << 20;

}  // namespace

void harden_process() {
  signal(SIGPIPE, SIG_IGN);

  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = std::min(files.rlim_max, kFilesWanted);
    setrlimit(RLIMIT_NOFILE, &files);
  }

  const char* allow = getenv("MESHD_ALLOW_CORE");
  if (allow != nullptr && std::string_view(allow) == "1") {
    log::warn("core dumps and tracing are allowed (MESHD_ALLOW_CORE=1): they can show keys");
    return;
  }
  rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
#if !__has_feature(address_sanitizer)  // its leak check traces this process
  prctl(PR_SET_DUMPABLE, 0);
#endif
}

}  // namespace meshd
