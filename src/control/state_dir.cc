// SPDX-License-Identifier: Apache-2.0
#include "control/state_dir.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"

namespace meshd {
namespace {

constexpr size_t kStateFileMax = 256 * 1024;  // of JSON and PEM files; ours have a few KiB
constexpr const char* kStaging = "/.new";     // a NewState that is being filled

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::string StateDir::admin_socket() const {
  std::string_view root = root_;
  while (root.size() > 1 && root.ends_with('/')) root.remove_suffix(1);
  return root == kDefaultState ? std::string(kDefaultAdminSocket) : root_ + "/admin.sock";
}

bool StateDir::is_node() const { return exists(node_file()); }
bool StateDir::is_server() const { return exists(server_file()); }

std::string service_identity(std::string_view service) { return "svc." + std::string(service); }

// ---- node.json

Outcome<NodeFile> load_node_file(const StateDir& state) {
  if (!state.is_node())
    return fail(Errc::not_found,
                state.root() +
                    " holds no node; run `meshd init` on the first machine, `meshd join` on others, "
                    "or name the directory with --state");
  auto text = read_file(state.node_file(), kStateFileMax);
  if (!text) return fail(std::move(text.error()));
  auto j = parse_json(*text);
  if (!j) return fail(Errc::invalid_argument, state.node_file() + " is damaged: " + j.error().what);
  NodeFile node;
  node.node = text_of(*j, "node");
  node.address = text_of(*j, "address");
  node.zone = text_of(*j, "zone");
  node.trust_domain = text_of(*j, "trust_domain");
  node.server_id = text_of(*j, "server_id");
  node.control = text_of(*j, "control");
  int64_t port = int_of(*j, "mesh_port", kMeshPort);
  if (node.node.empty() || node.address.empty() || node.trust_domain.empty() || port < 1 || port > 65535)
    return fail(Errc::invalid_argument, state.node_file() + " is damaged: a field is missing");
  node.mesh_port = static_cast<uint16_t>(port);
  return node;
}

Outcome<> save_node_file(const StateDir& state, const NodeFile& node) {
  JsonObject j;
  j["node"] = json(node.node);
  j["address"] = json(node.address);
  j["mesh_port"] = json(int64_t{node.mesh_port});
  j["zone"] = json(node.zone);
  j["trust_domain"] = json(node.trust_domain);
  j["server_id"] = json(node.server_id);
  j["control"] = json(node.control);
  return write_file(state.node_file(), to_pretty_text(Json(std::move(j))));
}

// ---- identities

Outcome<> save_identity(const StateDir& state, std::string_view name, const Identity& identity) {
  // A crash after the first write leaves the old chain with the new key; the old key is beside it as .key.prev
  // and load_identity takes the pair that fits.
  std::string key_path = state.key_of(name);
  auto wrote = save_key_file(key_path, *identity.key, state.seal(), {.keep_previous = true});
  if (!wrote) return wrote;
  wrote = write_file(state.chain_of(name), identity.chain.to_pem(), {.mode = 0600});
  if (!wrote) {
    if (exists(state.chain_of(name)))
      rename((key_path + ".prev").c_str(), key_path.c_str());
    else
      remove(key_path.c_str());
    return wrote;
  }
  remove((key_path + ".prev").c_str());
  return {};
}

Outcome<Identity> load_identity(const StateDir& state, std::string_view name) {
  auto text = read_file(state.chain_of(name), kStateFileMax);
  if (!text) return fail(std::move(text.error()));
  auto chain = CertificateChain::from_pem(*text);
  if (!chain) return fail(Errc::invalid_argument, state.chain_of(name) + " is damaged: " + chain.error().why);
  auto key = read_key_file(state.key_of(name), state.seal());
  if (!key || !belongs(**key, chain->leaf())) {
    std::string previous = state.key_of(name) + ".prev";
    if (!key && !exists(previous)) return fail(std::move(key.error()));
    auto other = read_key_file(previous, state.seal());
    if (!other || !belongs(**other, chain->leaf()))
      return fail(Errc::invalid_argument, state.key_of(name) + " is not the key of " + state.chain_of(name));
    rename(previous.c_str(), state.key_of(name).c_str());
    key = std::move(other);
  }
  auto uris = chain->leaf().uris();
  auto id = uris.size() == 1 ? SpiffeId::parse(uris.front())
                             : Result<SpiffeId>(fail(Errc::identity, Side::self, "it must hold one URI"));
  if (!id) return fail(Errc::invalid_argument, state.chain_of(name) + " names nobody: " + id.error().why);
  Identity identity{std::move(*id), std::move(*key), std::move(*chain)};
  // A host key that was given later seals what lay open until now.
  if (state.seal() && is_plain_key_file(state.key_of(name)))
    if (auto sealed = save_key_file(state.key_of(name), *identity.key, state.seal()); !sealed)
      return fail(std::move(sealed.error()));
  return identity;
}

void remove_identity(const StateDir& state, std::string_view name) {
  remove(state.chain_of(name).c_str());
  remove(state.key_of(name).c_str());
  remove((state.key_of(name) + ".prev").c_str());
}

std::vector<std::string> list_identities(const StateDir& state) {
  std::vector<std::string> out;
  for (std::string& name : names_in(state.identities()))
    if (name.ends_with(".crt")) out.push_back(name.substr(0, name.size() - 4));
  return out;
}

// ---- bundle

Outcome<> save_bundle(const StateDir& state, const TrustBundle& bundle) {
  return write_file(state.bundle(), bundle.to_pem(), {.mode = 0600});
}

Outcome<TrustBundle> load_bundle(const StateDir& state, const std::string& trust_domain) {
  auto text = read_file(state.bundle(), kStateFileMax);
  if (!text) return fail(std::move(text.error()));
  auto bundle = TrustBundle::from_pem(trust_domain, *text);
  if (!bundle) return fail(Errc::invalid_argument, state.bundle() + " is damaged: " + bundle.error().why);
  return std::move(*bundle);
}

// ---- making one

Outcome<NewState> NewState::begin(const StateDir& at) {
  bool made = !exists(at.root());
  if (auto ok = make_private_dir(at.root()); !ok) return fail(std::move(ok.error()));
  StateDir staging(at.root() + kStaging, at.seal());
  NewState state(at, staging, made);  // from here on, leaving without commit() takes everything away
  if (at.is_node() || at.is_server()) {
    state.open_ = false;  // the directory is in use: touch nothing
    return fail(Errc::conflict,
                at.root() +
                    " holds a node of a mesh already; name another directory with --state, or run "
                    "`meshd leave` first");
  }
  // Only what an init or join that was killed left behind, and never came into use.
  std::error_code error;
  std::filesystem::remove_all(staging.root(), error);
  for (const std::string& precious : {at.ca(), at.database(), at.identities(), at.bundle()}) {
    if (!exists(precious)) continue;
    return fail(
        Errc::conflict,
        precious + " is there without a node.json: move it away, or name another directory with --state");
  }
  for (const std::string& directory : {staging.root(), staging.identities()})
    if (auto ok = make_private_dir(directory); !ok) return fail(std::move(ok.error()));
  return state;
}

NewState::NewState(NewState&& o) noexcept
    : at_(std::move(o.at_)),
      staging_(std::move(o.staging_)),
      made_(o.made_),
      open_(std::exchange(o.open_, false)) {}

NewState::~NewState() {
  if (!open_) return;
  std::error_code error;
  std::filesystem::remove_all(staging_.root(), error);
  if (made_) std::filesystem::remove(at_.root(), error);
}

Outcome<> NewState::commit() {
  std::vector<std::string> names = names_in(staging_.root());
  // What says "complete" goes last.
  std::partition(names.begin(), names.end(), [](const std::string& n) { return n != "node.json"; });
  for (size_t i = 0; i < names.size(); ++i) {
    if (rename((staging_.root() + "/" + names[i]).c_str(), (at_.root() + "/" + names[i]).c_str()) == 0)
      continue;
    int error = errno;
    while (i-- > 0) rename((at_.root() + "/" + names[i]).c_str(), (staging_.root() + "/" + names[i]).c_str());
    return fail(Errc::io, "cannot move new files to " + at_.root() + ": " + strerror(error));
  }
  std::error_code ignored;
  std::filesystem::remove(staging_.root(), ignored);
  open_ = false;
  return {};
}

}  // namespace meshd
