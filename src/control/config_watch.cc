// SPDX-License-Identifier: Apache-2.0
#include "control/config_watch.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"

namespace meshd {

std::optional<ConfigWatch::Look> ConfigWatch::look(const std::string& path) {
  struct stat st{};
  if (stat(path.c_str(), &st) != 0) return std::nullopt;
  return Look{st.st_ino, st.st_size, st.st_mtim.tv_sec * 1'000'000'000LL + st.st_mtim.tv_nsec};
}

void ConfigWatch::begin() {
  seen_ = look(publisher_.file());
  take();
}

void ConfigWatch::check() {
  auto now = look(publisher_.file());
  bool still = now == seen_;
  seen_ = now;
  if (!still || now == taken_) return;
  take();
}

void ConfigWatch::take() {
  taken_ = seen_;
  const std::string revision = std::to_string(publisher_.revision().value);
  auto text = read_file(publisher_.file(), kConfigBytesMax);
  if (!text)
    return set_problem(text.error().what + "; the running configuration (revision " + revision +
                       ") is unchanged\n");
  if (*text == publisher_.text()) return set_problem({});
  Change change;
  change.text = std::move(*text);
  change.author = "file";
  change.message = "edited " + publisher_.file();
  auto published = publisher_.publish(change);
  if (!published) {
    taken_.reset();  // not the file's fault: try again
    return set_problem(published.error().what + "\n");
  }
  if (!published->accepted) return set_problem(published->rendered + published->summary + "\n");
  if (!published->rendered.empty())
    log::warn("the file has warnings",
              {{"file", publisher_.file()}, {"findings", "\n" + published->rendered}});
  set_problem({});
}

void ConfigWatch::set_problem(std::string problem) {
  if (problem == problem_) return;
  problem_ = std::move(problem);
  if (problem_.empty())
    log::info("the file is in force",
              {{"file", publisher_.file()}, {"revision", publisher_.revision().value}});
  else
    log::error("the file is not taken", {{"file", publisher_.file()}, {"findings", "\n" + problem_}});
}

}  // namespace meshd
