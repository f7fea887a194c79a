// SPDX-License-Identifier: Apache-2.0
// hash_table.h: which endpoint a key belongs to: a table of places, made once when a snapshot is compiled.
//
// Places are given out by the endpoints' identities and weights alone: neither their order in the file nor who else was
// asked before changes anything, and every node of the mesh has the same table.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/ids.h"
#include "model/balance.h"

namespace meshd {

class HashTable {
 public:
  struct Entry {
    EndpointId id;
    uint32_t weight;  // > 0
  };
  // `policy` is ring_hash or maglev. Of more than kHashedMax entries those with the smallest ids.
  HashTable(model::BalancePolicy policy, std::span<const Entry> entries);

  // Ketama's ring: each endpoint has points by its weight, a key belongs to the next point. Endpoints that come or go
  // move no key between others. Maglev (Eisenbud 2016, section 3.4): a table of prime size that endpoints fill in turn;
  // shares are exact, and a few more keys move than must.
  uint32_t place(uint64_t hash) const;
  // Where to look next when the owner of a place is no use.
  uint32_t next(uint32_t place) const { return place + 1 == owners_.size() ? 0 : place + 1; }
  // Index among the entries given.
  uint32_t owner(uint32_t place) const { return owners_[place]; }
  std::optional<uint32_t> find(EndpointId id) const;
  size_t places() const { return owners_.size(); }

  static constexpr size_t kHashedMax = 65'535;

 private:
  void fill_ring(std::span<const Entry> entries);
  void fill_maglev(std::span<const Entry> entries);

  std::vector<std::pair<EndpointId, uint32_t>> by_id_;  // ascending
  std::vector<uint16_t> owners_;
  std::vector<uint32_t> points_;  // ring: ascending, one for each owner
  std::vector<uint32_t> starts_;  // ring: the first point of each of kBuckets equal parts
};

}  // namespace meshd
