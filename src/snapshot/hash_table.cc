// SPDX-License-Identifier: Apache-2.0
#include "snapshot/hash_table.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "snapshot/hash_key.h"

namespace meshd {
namespace {

constexpr int kBucketBits = 12;
// Entries of a Maglev table: primes, the second for more than 655 endpoints, as in the paper.
constexpr uint32_t kMaglevPlaces = 65'537, kMaglevPlacesMany = 655'373;

// Points of the heaviest endpoint: its share is off by about one over the root of this. Few steps, because crossing
// one moves most keys; between them no key moves that must not.
uint32_t ring_points(size_t endpoints) {
  if (endpoints <= 16) return 16'384;
  if (endpoints <= 64) return 4'096;
  if (endpoints <= 256) return 1'024;
  return endpoints <= 1'024 ? 256 : 64;
}

// By the upper 16 bits, then by the lower: two passes over everything.
void sort_points(std::vector<std::pair<uint32_t, uint16_t>>& points) {
  std::vector<std::pair<uint32_t, uint16_t>> other(points.size());
  for (int shift : {0, 16}) {
    std::vector<uint32_t> at(65'537);
    for (const auto& p : points) ++at[(p.first >> shift & 0xFFFF) + 1];
    std::partial_sum(at.begin(), at.end(), at.begin());
    for (const auto& p : points) other[at[p.first >> shift & 0xFFFF]++] = p;
    points.swap(other);
  }
}

}  // namespace

HashTable::HashTable(model::BalancePolicy policy, std::span<const Entry> entries) {
  for (uint32_t i = 0; i < entries.size(); ++i) by_id_.emplace_back(entries[i].id, i);
  std::ranges::sort(by_id_);
  if (by_id_.size() > kHashedMax) by_id_.resize(kHashedMax);
  if (by_id_.empty()) return;
  if (policy == model::BalancePolicy::maglev)
    fill_maglev(entries);
  else
    fill_ring(entries);
}

void HashTable::fill_ring(std::span<const Entry> entries) {
  uint32_t heaviest = 1;
  for (const auto& [id, i] : by_id_) heaviest = std::max(heaviest, entries[i].weight);
  // Against the next power of two, so that another weight of the heaviest moves nothing of the others'.
  uint64_t scale = std::bit_ceil(heaviest), most = ring_points(by_id_.size());
  std::vector<std::pair<uint32_t, uint16_t>> points;
  for (const auto& [id, i] : by_id_) {
    uint64_t count = std::max<uint64_t>(1, most * entries[i].weight / scale);
    for (uint64_t n = 0; n < count; ++n)
      points.emplace_back(static_cast<uint32_t>(mix(id.value + (n + 1) * 0x9e3779b97f4a7c15) >> 32),
                          static_cast<uint16_t>(i));
  }
  sort_points(points);
  points_.reserve(points.size());
  owners_.reserve(points.size());
  for (const auto& [point, owner] : points) points_.push_back(point), owners_.push_back(owner);
  starts_.resize((1u << kBucketBits) + 1);
  for (uint32_t b = 0, at = 0; b < starts_.size(); ++b) {
    while (at < points_.size() && points_[at] >> (32 - kBucketBits) < b) ++at;
    starts_[b] = at;
  }
}

void HashTable::fill_maglev(std::span<const Entry> entries) {
  const uint32_t size = by_id_.size() > 655 ? kMaglevPlacesMany : kMaglevPlaces;
  struct Turn {
    uint32_t at, skip, owner;
    double share, had;  // of a round; places taken so far
  };
  std::vector<Turn> turns;
  uint32_t heaviest = 1;
  for (const auto& [id, i] : by_id_) heaviest = std::max(heaviest, entries[i].weight);
  for (const auto& [id, i] : by_id_)
    turns.push_back({static_cast<uint32_t>(mix(id.value ^ 0x6d61676c6576) % size),
                     static_cast<uint32_t>(mix(id.value ^ 0x736b6970) % (size - 1) + 1), i,
                     static_cast<double>(entries[i].weight) / heaviest, 0});
  constexpr uint16_t kFree = UINT16_MAX;
  owners_.assign(size, kFree);
  uint32_t filled = 0;
  for (double round = 1; filled < size; ++round) {
    for (Turn& t : turns) {
      // In each round the heaviest takes a place, the others as often as their weight says.
      if (t.had >= round * t.share) continue;
      while (owners_[t.at] != kFree) t.at = (t.at + t.skip) % size;
      owners_[t.at] = static_cast<uint16_t>(t.owner);
      ++t.had;
      if (++filled == size) break;
    }
  }
}

uint32_t HashTable::place(uint64_t hash) const {
  auto high = static_cast<uint32_t>(hash >> 32);
  if (points_.empty()) return static_cast<uint32_t>(uint64_t{high} * owners_.size() >> 32);
  uint32_t bucket = high >> (32 - kBucketBits);
  auto at = std::lower_bound(points_.begin() + starts_[bucket], points_.begin() + starts_[bucket + 1], high);
  auto place = static_cast<uint32_t>(at - points_.begin());
  return place == points_.size() ? 0 : place;
}

std::optional<uint32_t> HashTable::find(EndpointId id) const {
  auto at = std::ranges::lower_bound(by_id_, id, {}, &std::pair<EndpointId, uint32_t>::first);
  if (at == by_id_.end() || at->first != id) return std::nullopt;
  return at->second;
}

}  // namespace meshd
