// SPDX-License-Identifier: Apache-2.0
// access_writer.h: access records to stdout, stderr or a file, as the snapshot's telemetry.access_log says.
//
// A thread of its own formats and writes: a full disk or a reader that stands still holds up neither requests nor the
// control thread. What does not fit into its queue is dropped and counted.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "model/model.h"
#include "telemetry/access_log.h"

namespace meshd {

// Records waiting for the writer: about 20 MB at worst.
inline constexpr size_t kAccessQueueMax = 65'536;

class AccessWriter {
 public:
  AccessWriter();
  // Writes what waits, for at most a moment, and ends the thread.
  ~AccessWriter();

  // From the next record on. An empty output or "none" writes nothing.
  void configure(const model::AccessLog& settings);
  // Closes the file and opens it again by its name, for logrotate.
  void reopen();
  void write(std::vector<AccessRecord> records);

  // Records dropped since the start.
  uint64_t dropped() const;
  // Why the file cannot be written; empty when it can.
  std::string problem() const;

 private:
  struct Sink;  // the thread's own
  void run();

  mutable std::mutex lock_;  // guards everything below; held for moves only
  std::condition_variable wake_;
  std::deque<std::vector<AccessRecord>> batches_;
  size_t waiting_ = 0;  // records in batches_
  model::AccessLog settings_;
  uint64_t generation_ = 0;  // counts configure and reopen
  uint64_t dropped_ = 0;
  std::string problem_;
  bool stop_ = false;
  std::thread thread_;
};

// One line for people: 127.0.0.1-style logs have no place for a mesh's facts, so: time, caller → service, request,
// status, duration, and why.
std::string to_text_line(const AccessRecord& record);

}  // namespace meshd
