// SPDX-License-Identifier: Apache-2.0
// lifecycle.h: the life of a certificate, as decisions without clocks or files. The stages stand in lifecycle.cc.
#pragma once
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "tls/certificate.h"
#include "tls/issue.h"

namespace meshd {

enum class CertState : uint8_t {
  early,  // not valid yet: the clock here, or where it was issued, is wrong
  good,
  due,     // past half its life: a new one should have come
  ending,  // less than a tenth left: tell people
  expired,
};
std::string_view name_of(CertState state);

inline Validity validity_of(const Certificate& c) { return {c.not_before(), c.not_after()}; }

// When a certificate was issued: not_before without the back-dating.
UnixSeconds issued_at(Validity v);
// When to ask for the next one: at half life, earlier or later by up to a tenth of the life so that nodes that joined
// together do not renew together. `jitter` in [0, 1) is drawn once per certificate.
UnixSeconds renew_at(Validity v, double jitter);
// When to ask again after `failures` failed tries (1 or more) the last of which was at `now`: doubling from 1 s up to
// 5 min, at most a twentieth of the life, `jitter` in [0, 1) spreading it by half.
UnixSeconds retry_at(Validity v, UnixSeconds now, uint32_t failures, double jitter);

CertState state_of(Validity v, UnixSeconds now);

inline bool is_valid(Validity v, UnixSeconds now) { return v.not_before <= now && now < v.not_after; }

// May `next` take the place of `current`? A failed or odd renewal never replaces a good certificate: `next` must be valid
// now, and last longer than `current` does.
bool may_replace(Validity current, Validity next, UnixSeconds now);

}  // namespace meshd
