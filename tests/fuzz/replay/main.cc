// SPDX-License-Identifier: Apache-2.0
// main.cc: test_fuzz TARGET DIRECTORY...: feeds every file below the directories to the target, without libFuzzer. A
// broken property aborts, and the file that broke it is named.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <vector>

#include "fuzz.h"

namespace meshd::fuzz {
namespace {

std::map<std::string, Target>& targets() {
  static std::map<std::string, Target> all;
  return all;
}

std::vector<std::string> files_below(const char* directory) {
  std::vector<std::string> files;
  if (!std::filesystem::exists(directory)) return files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

// The input at work, for whoever asks after an abort.
const char* volatile reading = "";
void name_input(int signal) {
  (void)!write(STDERR_FILENO, reading, strlen(reading));
  (void)!write(STDERR_FILENO, "\n", 1);
  std::signal(signal, SIG_DFL);
  (void)raise(signal);
}

int replay(const char* name, int directories, char** directory) {
  auto target = targets().find(name);
  if (target == targets().end()) {
    fprintf(stderr, "test_fuzz: no target %s\n", name);
    return 2;
  }
  for (int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, name_input);
  size_t count = 0;
  for (int i = 0; i < directories; ++i)
    for (const std::string& path : files_below(directory[i])) {
      std::ifstream file(path, std::ios::binary);
      std::string bytes{std::istreambuf_iterator<char>(file), {}};
      reading = path.c_str();
      target->second(bytes);
      ++count;
    }
  printf("%s: %zu inputs\n", name, count);
  // A target without inputs tests nothing.
  return count > 0 ? 0 : 1;
}

}  // namespace

bool add_target(const char* name, Target target) { return targets().emplace(name, target).second; }

}  // namespace meshd::fuzz

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: test_fuzz TARGET DIRECTORY...\n");
    return 2;
  }
  return meshd::fuzz::replay(argv[1], argc - 2, argv + 2);
}
