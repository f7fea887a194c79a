// SPDX-License-Identifier: Apache-2.0
#include "control/access_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "base/clock.h"
#include "base/log.h"

namespace meshd {
namespace {

// After an error the file is tried again this much later.
constexpr std::chrono::seconds kTryAgain{5};
// At the end nobody waits longer for a reader that stands still.
constexpr int kLastWriteMs = 500;

}  // namespace

// What only the writer's thread touches.
struct AccessWriter::Sink {
  int fd = -1;
  bool ours = false;  // to be closed
  std::chrono::steady_clock::time_point closed_until{};

  ~Sink() { close(); }
  void close() {
    if (ours && fd >= 0) ::close(fd);
    fd = -1;
    ours = false;
  }
  // Empty, or why not.
  std::string open(const std::string& output) {
    close();
    if (output.empty() || output == "none") return {};
    if (output == "stdout" || output == "stderr") {
      fd = output == "stdout" ? STDOUT_FILENO : STDERR_FILENO;
      return {};
    }
    fd = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    ours = fd >= 0;
    return fd >= 0 ? "" : "cannot write the access log " + output + ": " + strerror(errno);
  }
  // Empty, or why not. `last`: give up where it would wait.
  std::string write(std::string_view bytes, bool last) {
    while (!bytes.empty()) {
      pollfd ready{fd, POLLOUT, 0};
      if (last && poll(&ready, 1, kLastWriteMs) != 1) return "nobody reads the access log";
      ssize_t n = ::write(fd, bytes.data(), last ? std::min<size_t>(bytes.size(), PIPE_BUF) : bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) {
        poll(&ready, 1, -1);
        continue;
      }
      if (n < 0) return std::string("cannot write the access log: ") + strerror(errno);
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return {};
  }
};

AccessWriter::AccessWriter() {
  settings_.output = "none";
  // Signals are for the control thread.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

AccessWriter::~AccessWriter() {
  {
    std::lock_guard hold(lock_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void AccessWriter::configure(const model::AccessLog& settings) {
  std::lock_guard hold(lock_);
  if (settings.output == settings_.output && settings.format == settings_.format) return;
  settings_ = settings;
  ++generation_;
}

void AccessWriter::reopen() {
  std::lock_guard hold(lock_);
  ++generation_;
}

void AccessWriter::write(std::vector<AccessRecord> records) {
  if (records.empty()) return;
  {
    std::lock_guard hold(lock_);
    if (waiting_ + records.size() > kAccessQueueMax) {
      dropped_ += records.size();
      return;
    }
    waiting_ += records.size();
    batches_.push_back(std::move(records));
  }
  wake_.notify_one();
}

uint64_t AccessWriter::dropped() const {
  std::lock_guard hold(lock_);
  return dropped_;
}

std::string AccessWriter::problem() const {
  std::lock_guard hold(lock_);
  return problem_;
}

void AccessWriter::run() {
  Sink sink;
  uint64_t opened = 0;  // generation
  for (;;) {
    std::deque<std::vector<AccessRecord>> batches;
    model::AccessLog settings;
    uint64_t generation;
    bool last;
    {
      std::unique_lock hold(lock_);
      wake_.wait(hold, [this] { return stop_ || !batches_.empty(); });
      std::swap(batches, batches_);
      waiting_ = 0;
      settings = settings_;
      generation = generation_;
      last = stop_;
    }
    auto now = std::chrono::steady_clock::now();
    std::string problem;
    if (generation != opened || (sink.fd < 0 && now >= sink.closed_until)) {
      problem = sink.open(settings.output);
      opened = generation;
      sink.closed_until = now + kTryAgain;
    }
    size_t lost = 0;
    for (const auto& batch : batches) {
      if (sink.fd < 0) {
        if (settings.output != "none") lost += batch.size();
        continue;
      }
      std::string lines;
      for (const AccessRecord& r : batch)
        lines += settings.format == model::AccessLogFormat::json ? to_json_line(r) : to_text_line(r);
      if (problem = sink.write(lines, last); problem.empty()) continue;
      lost += batch.size();
      sink.close();
      sink.closed_until = now + kTryAgain;
    }
    if (!problem.empty()) log::warn("access records are lost", {{"why", problem}});
    {
      std::lock_guard hold(lock_);
      dropped_ += lost;
      if (lost > 0 || !problem.empty())
        problem_ = problem.empty() ? problem_ : problem;
      else if (sink.fd >= 0)
        problem_.clear();
    }
    if (last) return;
  }
}

std::string to_text_line(const AccessRecord& r) {
  std::string line = format_time(r.time_ms / 1000);
  auto add = [&line](std::string_view text) {
    line += ' ';
    if (text.empty()) line += '-';
    // A foreign string must not begin a line of its own.
    for (char c : text) line += static_cast<unsigned char>(c) < 0x21 || c == 0x7f ? '?' : c;
  };
  add(name_of(r.direction));
  add(r.source);
  add(r.service);
  add(r.method.empty() ? "TCP" : r.method);
  add(r.path);
  add(std::to_string(r.status));
  add(std::to_string(r.duration_us) + "us");
  add(std::to_string(r.bytes_in) + "/" + std::to_string(r.bytes_out));
  add(r.endpoint);
  add(r.error);
  return line + "\n";
}

}  // namespace meshd
