// SPDX-License-Identifier: Apache-2.0
// load.cc: HTTP/1.1 load that the usual generators do not make.
//
//   load rate  ADDRESS:PORT CONNECTIONS RATE SECONDS  requests at a constant rate, whoever is slow; latency counts from
//                                                     the moment a request was due
//   load churn ADDRESS:PORT CONNECTIONS SECONDS       a new connection per request, latency from connect
//   load idle  ADDRESS:PORT CONNECTIONS               holds connections open until stdin ends
//
// GET /; every answer must be 200 with the content it declares. Prints one line of name=value.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch()).count();
}

struct Connection {
  int fd = -1;
  bool busy = false;
  int64_t due = 0;  // when the request under way should have begun
  std::string answer;
};

struct Totals {
  uint64_t done = 0, failed = 0;
  std::vector<int64_t> latencies;
};

int poll_fd = -1;
sockaddr_in target{};

bool dial(Connection& c, uint32_t index) {
  c.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c.fd < 0) return false;
  int on = 1;
  setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  int status = connect(c.fd, reinterpret_cast<sockaddr*>(&target), sizeof target);
  if (status != 0 && errno != EINPROGRESS) return false;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLET;
  event.data.u32 = index;
  return epoll_ctl(poll_fd, EPOLL_CTL_ADD, c.fd, &event) == 0;
}

void hang_up(Connection& c) {
  if (c.fd >= 0) close(c.fd);
  c = Connection{};
}

bool ask(Connection& c, std::string_view request) {
  return send(c.fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size());
}

// 1: a whole, right answer; 0: more is to come; -1: wrong.
int judge(std::string_view answer) {
  size_t end = answer.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  std::string head(answer.substr(0, end));
  if (!head.starts_with("HTTP/1.1 200 ")) return -1;
  std::ranges::transform(head, head.begin(), [](unsigned char c) { return static_cast<char>(tolower(c)); });
  size_t length = head.find("\r\ncontent-length: ");
  if (length == std::string::npos) return -1;
  size_t size = std::strtoul(head.c_str() + length + 18, nullptr, 10);
  size_t have = answer.size() - end - 4;
  return have == size ? 1 : have < size ? 0 : -1;
}

// Reads what came. 1, 0 and -1 as judge says.
int take(Connection& c) {
  char buffer[16 * 1024];
  for (;;) {
    ssize_t n = recv(c.fd, buffer, sizeof buffer, 0);
    if (n > 0) {
      c.answer.append(buffer, static_cast<size_t>(n));
      continue;
    }
    if (n < 0 && errno == EAGAIN) return judge(c.answer);
    int verdict = judge(c.answer);
    return verdict == 1 ? 1 : -1;
  }
}

void report(Totals& t, double seconds) {
  std::ranges::sort(t.latencies);
  auto at = [&](double share) {
    if (t.latencies.empty()) return int64_t{0};
    auto last = static_cast<double>(t.latencies.size() - 1);
    return t.latencies[static_cast<size_t>(share * last)];
  };
  std::printf("done=%llu failed=%llu seconds=%.3f p50_us=%lld p99_us=%lld p999_us=%lld\n",
              static_cast<unsigned long long>(t.done), static_cast<unsigned long long>(t.failed), seconds,
              static_cast<long long>(at(0.5)), static_cast<long long>(at(0.99)),
              static_cast<long long>(at(0.999)));
}

int run_rate(size_t count, double rate, double seconds) {
  const std::string request = "GET / HTTP/1.1\r\nHost: bench.test\r\n\r\n";
  std::vector<Connection> all(count);
  for (uint32_t i = 0; i < count; ++i)
    if (!dial(all[i], i)) return 1;
  Totals totals;
  std::vector<uint32_t> idle;
  std::deque<int64_t> waiting;
  for (uint32_t i = static_cast<uint32_t>(count); i-- > 0;) idle.push_back(i);
  int64_t begin = now_us() + 100'000, end = begin + static_cast<int64_t>(seconds * 1e6);
  double step = 1e6 / rate;
  uint64_t made = 0;
  auto due_at = [&](uint64_t n) { return begin + static_cast<int64_t>(static_cast<double>(n) * step); };
  std::vector<epoll_event> events(256);
  size_t busy = 0;
  while (busy > 0 || due_at(made) < end || !waiting.empty()) {
    int64_t now = now_us();
    if (now > end + 5'000'000) break;  // what hangs has failed
    for (; due_at(made) <= now && due_at(made) < end; ++made) waiting.push_back(due_at(made));
    while (!waiting.empty() && !idle.empty()) {
      Connection& c = all[idle.back()];
      c.due = waiting.front();
      c.busy = true;
      if (!ask(c, request)) ++totals.failed, c.busy = false;
      busy += c.busy;
      waiting.pop_front();
      idle.pop_back();
    }
    int64_t wait = due_at(made) < end ? due_at(made) - now : 100'000;
    timespec limit{wait / 1'000'000, wait % 1'000'000 * 1000};
    int n = epoll_pwait2(poll_fd, events.data(), static_cast<int>(events.size()), &limit, nullptr);
    for (int e = 0; e < n; ++e) {
      uint32_t index = events[static_cast<size_t>(e)].data.u32;
      Connection& c = all[index];
      if (!c.busy) continue;
      int verdict = take(c);
      if (verdict == 0) continue;
      c.busy = false;
      --busy;
      c.answer.clear();
      if (verdict == 1) {
        ++totals.done;
        totals.latencies.push_back(now_us() - c.due);
        idle.push_back(index);
      } else {
        ++totals.failed;
      }
    }
  }
  totals.failed += busy + waiting.size();
  report(totals, static_cast<double>(now_us() - begin) / 1e6);
  return 0;
}

int run_churn(size_t count, double seconds) {
  const std::string request = "GET / HTTP/1.1\r\nHost: bench.test\r\nConnection: close\r\n\r\n";
  std::vector<Connection> all(count);
  Totals totals;
  int64_t begin = now_us(), end = begin + static_cast<int64_t>(seconds * 1e6);
  auto start = [&](uint32_t i) {
    all[i].due = now_us();
    if (!dial(all[i], i)) ++totals.failed;
  };
  for (uint32_t i = 0; i < count; ++i) start(i);
  std::vector<epoll_event> events(256);
  while (now_us() < end) {
    int n = epoll_wait(poll_fd, events.data(), static_cast<int>(events.size()), 100);
    for (int e = 0; e < n; ++e) {
      uint32_t index = events[static_cast<size_t>(e)].data.u32;
      Connection& c = all[index];
      if (c.fd < 0) continue;
      if (!c.busy) {
        c.busy = ask(c, request);
        if (c.busy) continue;
      }
      int verdict = c.busy ? take(c) : -1;
      if (verdict == 0) continue;
      if (verdict == 1)
        ++totals.done, totals.latencies.push_back(now_us() - c.due);
      else
        ++totals.failed;
      hang_up(c);
      start(index);
    }
  }
  report(totals, static_cast<double>(now_us() - begin) / 1e6);
  return 0;
}

int run_idle(size_t count) {
  std::vector<Connection> all(count);
  std::vector<epoll_event> events(256);
  size_t open = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (!dial(all[i], i)) break;
    ++open;
    // Not faster than they are accepted.
    if (i % 64 == 63) (void)epoll_wait(poll_fd, events.data(), static_cast<int>(events.size()), 1);
  }
  std::printf("open=%zu\n", open);
  std::fflush(stdout);
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) continue;
  size_t ended = 0;
  for (Connection& c : all)
    if (c.fd >= 0 && recv(c.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) ++ended;
  std::printf("ended=%zu\n", ended);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string_view mode = argc > 1 ? argv[1] : "";
  auto number = [&](int i) { return i < argc ? std::strtod(argv[i], nullptr) : 0; };
  std::string at = argc > 2 ? argv[2] : "";
  size_t colon = std::min(at.find(':'), at.size());
  target.sin_family = AF_INET;
  target.sin_port = htons(static_cast<uint16_t>(std::atoi(at.c_str() + std::min(colon + 1, at.size()))));
  if (inet_pton(AF_INET, at.substr(0, colon).c_str(), &target.sin_addr) != 1) mode = "";
  poll_fd = epoll_create1(EPOLL_CLOEXEC);
  auto count = static_cast<size_t>(number(3));
  if (mode == "rate" && argc == 6) return run_rate(count, number(4), number(5));
  if (mode == "churn" && argc == 5) return run_churn(count, number(4));
  if (mode == "idle" && argc == 4) return run_idle(count);
  std::fputs(
      "usage: load rate ADDRESS:PORT CONNECTIONS RATE SECONDS | churn ADDRESS:PORT CONNECTIONS SECONDS | "
      "idle ADDRESS:PORT CONNECTIONS\n",
      stderr);
  return 2;
}
