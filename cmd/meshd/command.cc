// SPDX-License-Identifier: Apache-2.0
#include "meshd/command.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/file.h"

namespace meshd::cli {

int exit_code(Errc code) {
  switch (code) {
    case Errc::ok: return kOk;
    case Errc::not_found: return kNotFound;
    case Errc::conflict: return kConflict;
    case Errc::unreachable:
    case Errc::refused:
    case Errc::draining: return kUnreachable;
    case Errc::denied:
    case Errc::identity:
    case Errc::permission: return kDenied;
    case Errc::timeout: return kTookTooLong;
    default: return kFailed;
  }
}

void add_host_key(CLI::App& command, std::string& file) {
  command
      .add_option("--host-key", file,
                  "File with a secret that private keys are sealed with (default: the systemd credential "
                  "meshd.host-key, if there is one)")
      ->envname("MESHD_HOST_KEY");
}

int failed(const Detailed& error) {
  say("meshd: " + error.what);
  return exit_code(error.code);
}

int print(std::string_view text) {
  bool ok = fwrite(text.data(), 1, text.size(), stdout) == text.size() && fflush(stdout) == 0;
  if (ok) return kOk;
  say(std::string("meshd: cannot write to standard output: ") + strerror(errno));
  return kFailed;
}

int print_json(const Json& value) { return print(to_pretty_text(value)); }

void say(std::string_view text) { fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data()); }

Outcome<std::string> read_text(const std::string& path, size_t max) {
  return read_file(path == "-" ? "/dev/stdin" : path, max);
}

std::string base_name(const std::string& path) {
  if (path == "-") return "meshd.yaml";
  return path.substr(path.rfind('/') + 1);
}

int64_t seconds_of(const std::string& text) {
  char* end = nullptr;
  long long n = strtoll(text.c_str(), &end, 10);
  if (end == text.c_str() || n <= 0 || n > 1'000'000 || end[0] == '\0' || end[1] != '\0') return -1;
  switch (*end) {
    case 's': return n;
    case 'm': return n * 60;
    case 'h': return n * 3600;
    case 'd': return n * 86400;
    default: return -1;
  }
}

std::string host_name() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0) return {};
  std::string text(name);
  return text.substr(0, text.find('.'));
}

}  // namespace meshd::cli
