// SPDX-License-Identifier: Apache-2.0
#include "ca/authority.h"

#include <filesystem>

#include "base/file.h"
#include "tls/csr.h"

namespace meshd {
namespace {

constexpr const char* kStateFile = "/authority.json";
constexpr const char* kCrossFile = "/cross.crt";

TrustBundle bundle_of(const std::string& trust_domain, const Certificate& root) {
  // A root that signs leaves the verifier takes is one that a bundle takes.
  return TrustBundle::make(trust_domain, {root}).value();
}

Outcome<> check_new(const std::string& dir) {
  if (auto made = make_private_dir(dir); !made) return fail(std::move(made.error()));
  if (Generation::is_in(dir))
    return fail(Errc::conflict, dir + " has a certificate authority already; nothing was changed");
  return {};
}

}  // namespace

Authority::Authority(std::string dir, RotationState state, Generation active, SharedSeal seal)
    : dir_(std::move(dir)),
      seal_(std::move(seal)),
      state_(std::move(state)),
      active_(std::move(active)),
      bundle_(bundle_of(state_.trust_domain, active_.root())) {}

Outcome<Authority> Authority::create(const std::string& dir, const std::string& trust_domain, UnixSeconds now,
                                     Lifetimes lifetimes, SharedSeal seal) {
  if (auto fresh = check_new(dir); !fresh) return fail(std::move(fresh.error()));
  RotationState state{.trust_domain = trust_domain, .since = now};
  if (auto saved = save_rotation(dir + kStateFile, state); !saved) return fail(std::move(saved.error()));
  auto made = Generation::create({dir, trust_domain, lifetimes, seal}, now);
  if (!made) return fail(std::move(made.error()));
  Authority authority(dir, std::move(state), std::move(*made), std::move(seal));
  authority.set_lifetimes(lifetimes);
  return authority;
}

Outcome<Authority> Authority::import(const std::string& dir, const std::string& trust_domain,
                                     const CaImport& import, UnixSeconds now, Lifetimes lifetimes,
                                     SharedSeal seal) {
  if (auto fresh = check_new(dir); !fresh) return fail(std::move(fresh.error()));
  RotationState state{.trust_domain = trust_domain, .since = now};
  if (auto saved = save_rotation(dir + kStateFile, state); !saved) return fail(std::move(saved.error()));
  auto made = Generation::import({dir, trust_domain, lifetimes, seal}, import, now);
  if (!made) return fail(std::move(made.error()));
  Authority authority(dir, std::move(state), std::move(*made), std::move(seal));
  authority.set_lifetimes(lifetimes);
  return authority;
}

Outcome<Authority> Authority::load(const std::string& dir, UnixSeconds now, Lifetimes lifetimes,
                                   SharedSeal seal) {
  RotationState state;
  auto stored = load_rotation(dir + kStateFile);
  if (stored)
    state = std::move(*stored);
  else if (stored.error().code != Errc::not_found)
    return fail(std::move(stored.error()));
  std::string active_dir = state.active.empty() ? dir : dir + "/" + state.active;
  auto active = Generation::load({active_dir, state.trust_domain, lifetimes, seal}, now);
  if (!active) return fail(std::move(active.error()));
  state.trust_domain = active->trust_domain();
  Authority authority(dir, state, std::move(*active), std::move(seal));
  authority.set_lifetimes(lifetimes);
  if (auto ok = authority.settle(std::move(state), now); !ok) return fail(std::move(ok.error()));
  return authority;
}

// What follows from the state on disk, which is `state` by now.
Outcome<> Authority::settle(RotationState state, UnixSeconds now) {
  std::optional<Generation> next;
  std::optional<Certificate> other, cross;
  std::vector<Certificate> roots{active_.root()};
  bool both = state.phase == RotationPhase::switching || state.phase == RotationPhase::renew;
  if (state.phase == RotationPhase::distribute) {
    auto loaded = Generation::load({place(state.other), state.trust_domain, lifetimes_, seal_}, now);
    if (!loaded) return fail(std::move(loaded.error()));
    next = std::move(*loaded);
    other = next->root();
  } else if (both) {
    auto before = read_chain_file(place(state.other) + "/root.crt");
    if (!before) return fail(std::move(before.error()));
    other = before->leaf();
    if (auto made = read_chain_file(active_.dir() + kCrossFile)) cross = made->leaf();
  }
  if (other) roots.push_back(*other);
  auto bundle = TrustBundle::make(state.trust_domain, std::move(roots));
  if (!bundle) return fail(bundle.error().code, bundle.error().why);
  state_ = std::move(state);
  next_ = std::move(next);
  other_ = std::move(other);
  cross_ = std::move(cross);
  bundle_ = std::move(*bundle);
  return {};
}

void Authority::set_lifetimes(const Lifetimes& lifetimes) {
  lifetimes_ = lifetimes;
  active_.set_lifetimes(lifetimes);
  if (next_) next_->set_lifetimes(lifetimes);
}

Outcome<CertificateChain> Authority::sign(std::string_view csr, const SpiffeId& id, UnixSeconds now,
                                          UnixSeconds lifetime) const {
  auto key = public_key_of_csr(csr);
  if (!key) return fail(key.error().code, key.error().why);
  // A CA's key in a workload's hands would make every check of who signed what worthless.
  if (active_.owns(*key) || (next_ && next_->owns(*key)))
    return fail(Errc::invalid_argument, "the request is for the key of the authority itself");
  auto chain = active_.sign(*key, id, valid_for(now, lifetime > 0 ? lifetime : lifetimes_.leaf));
  if (chain && cross_) chain->push(*cross_);
  return chain;
}

std::vector<Certificate> Authority::shown_roots() const {
  std::vector<Certificate> roots{active_.root()};
  if (other_ && state_.phase != RotationPhase::distribute) roots.push_back(*other_);
  return roots;
}

// ---- root rotation

Outcome<> Authority::begin_rotation(UnixSeconds now, bool force, const CaImport* given) {
  if (state_.phase != RotationPhase::none)
    return fail(Errc::conflict, "a root rotation is under way already, in phase " +
                                    std::string(name_of(state_.phase)) + "; see `meshd ca status`");
  RotationState state = state_;
  state.phase = RotationPhase::distribute;
  state.count = state_.count + 1;
  state.other = "g" + std::to_string(state.count);
  state.force = force;
  state.since = now;
  // Left behind by a rotation that was cut before it began, or taken back.
  std::error_code ignored;
  std::filesystem::remove_all(place(state.other), ignored);
  Generation::Place at{place(state.other), state.trust_domain, lifetimes_, seal_};
  auto next = given != nullptr ? Generation::import(std::move(at), *given, now)
                               : Generation::create(std::move(at), now);
  if (!next) return fail(std::move(next.error()));
  if (next->root() == active_.root())
    return fail(Errc::conflict, "this root is the one in use; rotate to another");
  if (auto cross = active_.cross_certify(*next, now))
    if (auto saved = write_file(next->dir() + kCrossFile, cross->to_pem()); !saved) return saved;
  if (auto saved = save_rotation(dir_ + kStateFile, state); !saved) return saved;
  return settle(std::move(state), now);
}

Outcome<> Authority::advance_rotation(UnixSeconds now) {
  RotationState state = state_;
  state.since = now;
  switch (state_.phase) {
    case RotationPhase::none: return fail(Errc::conflict, "no root rotation is under way");
    case RotationPhase::distribute: {
      state.phase = RotationPhase::switching;
      std::swap(state.active, state.other);
      if (auto saved = save_rotation(dir_ + kStateFile, state); !saved) return saved;
      // From here on the new root signs, also after a crash.
      active_ = std::move(*next_);
      return settle(std::move(state), now);
    }
    case RotationPhase::switching: state.phase = RotationPhase::renew; break;
    case RotationPhase::renew: state.phase = RotationPhase::retire; break;
    case RotationPhase::retire:
      state.phase = RotationPhase::none;
      state.force = false;
      break;
  }
  if (auto saved = save_rotation(dir_ + kStateFile, state); !saved) return saved;
  if (auto ok = settle(state, now); !ok) return ok;
  if (state.phase == RotationPhase::retire || state.phase == RotationPhase::none) {
    // The old root signs nothing any more. A crash before this is mended by the step after it.
    auto before = Generation::load({place(state.other), state.trust_domain, lifetimes_, seal_}, now);
    if (before) before->destroy_keys();
  }
  return {};
}

Outcome<> Authority::force_rotation() {
  if (state_.phase == RotationPhase::none) return fail(Errc::conflict, "no root rotation is under way");
  RotationState state = state_;
  state.force = true;
  if (auto saved = save_rotation(dir_ + kStateFile, state); !saved) return saved;
  state_ = std::move(state);
  return {};
}

Outcome<> Authority::abort_rotation(UnixSeconds now) {
  if (state_.phase != RotationPhase::distribute)
    return fail(Errc::conflict, state_.phase == RotationPhase::none
                                    ? "no root rotation is under way"
                                    : "the new root signs already; let the rotation end, then rotate again");
  RotationState state = state_;
  std::string gone = place(state.other);
  state.phase = RotationPhase::none;
  state.other.clear();
  state.force = false;
  state.since = now;
  if (auto saved = save_rotation(dir_ + kStateFile, state); !saved) return saved;
  if (auto ok = settle(std::move(state), now); !ok) return ok;
  std::error_code ignored;
  std::filesystem::remove_all(gone, ignored);
  return {};
}

}  // namespace meshd
