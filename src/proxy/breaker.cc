// SPDX-License-Identifier: Apache-2.0
#include "proxy/breaker.h"

#include <algorithm>

namespace meshd {
namespace {

constexpr uint32_t kLongerMax = 10;  // times the first ejection

// Whether one more of the service's endpoints may be taken out.
bool may_eject(EndpointStates& states, const ServiceEntry& service, uint32_t permille, Instant now) {
  size_t out = 0;
  for (const Endpoint& e : service.endpoints) out += states.of(e.id).ejected(now);
  return (out + 1) * 1000 <= service.endpoints.size() * permille;
}

// The slice that `now` is in; what is older than the window is emptied.
ResultWindow::Slice& slice_at(ResultWindow& w, milliseconds over, Instant now) {
  constexpr int64_t kSlices = std::size(ResultWindow().slices);
  int64_t slice = now.ns / std::max<int64_t>(1, nanoseconds(over).count() / kSlices);
  if (slice - w.slice >= kSlices)
    w = {};
  else
    for (int64_t i = w.slice + 1; i <= slice; ++i) w.slices[i % kSlices] = {};
  w.slice = std::max(w.slice, slice);
  return w.slices[w.slice % kSlices];
}

// Notes one result. Whether there are enough of them, and too few good ones.
bool rate_too_low(EndpointState& s, const model::Breaker& breaker, bool failed, Instant now) {
  if (breaker.rate_below_permille == 0) return false;
  if (!s.results) s.results = std::make_unique<ResultWindow>();
  ResultWindow::Slice& newest = slice_at(*s.results, breaker.rate_over, now);
  ++(failed ? newest.bad : newest.good);
  uint64_t good = 0, all = 0;
  for (const ResultWindow::Slice& slice : s.results->slices) {
    good += slice.good;
    all += uint64_t{slice.good} + slice.bad;
  }
  return all >= breaker.rate_requests_min && good * 1000 < all * breaker.rate_below_permille;
}

// A good result: in a row there is none any more, and who was out is back.
void recovered(EndpointState& s) {
  s.errors = 0;
  if (s.ejected_until.ns == 0) {
    s.ejections = 0;
    return;
  }
  s.ejections = 0;
  s.ejected_until = {};
  s.results.reset();
  s.changed();
}

}  // namespace

bool note_result(EndpointStates& states, const Endpoint& endpoint, bool failed, Instant now) {
  EndpointState& s = states.of(endpoint.id);
  bool probe = std::exchange(s.probing, false);
  if (probe) s.changed();
  const model::Breaker* breaker = endpoint.service->breaker;
  if (breaker == nullptr) {
    recovered(s);
    return false;
  }
  // What was under way when it was taken out says nothing new.
  if (s.ejected(now)) return false;
  bool too_low = rate_too_low(s, *breaker, failed, now);
  if (failed)
    ++s.errors;
  else
    recovered(s);
  bool in_a_row = failed && breaker->consecutive_errors != 0 && s.errors >= breaker->consecutive_errors;
  bool failed_probe = failed && probe;
  if (!failed_probe && !in_a_row && !too_low) return false;
  if (!failed_probe && !may_eject(states, *endpoint.service, breaker->max_ejected_permille, now))
    return false;
  s.ejections = std::min(s.ejections + 1, kLongerMax);
  s.ejected_until = now + s.ejections * std::chrono::nanoseconds(breaker->eject);
  s.errors = 0;
  s.results.reset();
  s.out();
  return true;
}

}  // namespace meshd
