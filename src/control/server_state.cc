// SPDX-License-Identifier: Apache-2.0
// server_state.cc: `meshd init`: look at options and file → authority → store → identities → everything in place at once.
#include "control/server_state.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "control/certificates.h"
#include "control/publish.h"
#include "net/address.h"
#include "tls/csr.h"
#include "tls/digest.h"

namespace meshd {
namespace {

constexpr size_t kServerFileMax = 64 * 1024;

Outcome<> check_options(const InitOptions& o) {
  if (!valid_node_name(o.name))
    return fail(
        Errc::invalid_argument,
        "'" + o.name + "' cannot be a node's name: lower-case letters, digits and hyphens, at most 63");
  if (!SocketAddress::from_ip(o.address, 0))
    return fail(Errc::invalid_argument,
                "'" + o.address + "' is not an IP address that other nodes could reach");
  if (o.mesh_port == 0) return fail(Errc::invalid_argument, "the mesh port must be from 1 to 65535");
  if (!o.control.empty() && !SocketAddress::parse(o.control))
    return fail(Errc::invalid_argument, "'" + o.control + "' is not an address like 10.0.0.1:15012");
  if (!o.trust_domain.empty() && !valid_trust_domain(o.trust_domain))
    return fail(Errc::invalid_argument,
                "'" + o.trust_domain +
                    "' cannot be a trust domain: lower-case letters, digits, dots, hyphens and underscores");
  if (!o.mesh_name.empty() && !valid_node_name(o.mesh_name))
    return fail(
        Errc::invalid_argument,
        "'" + o.mesh_name + "' cannot be a mesh's name: lower-case letters, digits and hyphens, at most 63");
  if (o.zone.size() > 64) return fail(Errc::invalid_argument, "a zone's name has at most 64 bytes");
  if (o.ca_cert.empty() != o.ca_key.empty())
    return fail(Errc::invalid_argument, "give --ca-cert and --ca-key together, or neither");
  if (o.config.empty()) return fail(Errc::invalid_argument, "name the mesh's file with --config");
  return {};
}

// What init goes by once it has looked at the file.
struct Plan {
  std::string text;      // of the file
  bool starter = false;  // the text is ours, and not on disk yet
  std::optional<model::Model> model;
  std::string trust_domain, control;
};

Outcome<Plan> plan_with_file(const InitOptions& o, Initialized& result) {
  Plan plan;
  auto text = read_file(result.config, kConfigBytesMax);
  if (!text && text.error().code != Errc::not_found) return fail(std::move(text.error()));
  std::string default_control = SocketAddress::from_ip(o.address, kControlPort)->text();
  plan.starter = !text;
  if (text) {
    plan.text = std::move(*text);
  } else {
    StarterOptions starter{o.mesh_name.empty() ? "mesh" : o.mesh_name, o.trust_domain, o.name,
                           o.control.empty() ? default_control : o.control};
    if (starter.trust_domain.empty())
      starter.trust_domain = o.mesh_name.empty() ? "mesh.internal" : o.mesh_name + ".mesh";
    plan.text = starter_file(starter);
  }
  std::string name = std::filesystem::path(result.config).filename().string();
  model::ParsedConfig parsed = model::parse_config(plan.text, name);
  result.rendered = model::render(parsed.diagnostics, o.config, plan.text);
  result.summary = model::summary(parsed.diagnostics);
  result.config_valid = parsed.model.has_value();
  if (!parsed.model) return plan;
  plan.model = std::move(parsed.model);
  plan.trust_domain = plan.model->mesh.trust_domain;
  if (!o.trust_domain.empty() && o.trust_domain != plan.trust_domain)
    return fail(Errc::conflict, o.config + " has the trust domain " + plan.trust_domain + ", not " +
                                    o.trust_domain + "; change one of them");
  plan.control = !o.control.empty() ? o.control : plan.model->server.control;
  if (plan.control.empty()) plan.control = default_control;
  return plan;
}

Outcome<Authority> make_authority(const StateDir& staging, const InitOptions& o, const Plan& plan,
                                  UnixSeconds now) {
  Lifetimes lifetimes = lifetimes_of(&*plan.model);
  if (o.ca_cert.empty())
    return Authority::create(staging.ca(), plan.trust_domain, now, lifetimes, staging.seal());
  auto import = read_ca_import(o.ca_cert, o.ca_key, staging.seal());
  if (!import) return fail(std::move(import.error()));
  return Authority::import(staging.ca(), plan.trust_domain, *import, now, lifetimes, staging.seal());
}

// Fills the store; it is closed on return, so that its files can be moved.
Outcome<> fill(const StateDir& staging, const InitOptions& o, const Plan& plan, const Clock& clock,
               Initialized& result) {
  auto authority = make_authority(staging, o, plan, clock.unix_now());
  if (!authority) return fail(std::move(authority.error()));
  result.pin = authority->pin();
  auto store = store::Store::open(staging.database(), clock, sha256_hex);
  if (!store) return fail(std::move(store.error()));
  std::string who = "uid:" + std::to_string(geteuid());

  store::NodeRecord node;
  node.name = o.name;
  node.address = o.address;
  node.mesh_port = o.mesh_port;
  node.zone = o.zone;
  node.spiffe_id = node_id(plan.trust_domain, o.name).uri();
  node.joined_at = clock.unix_now();
  if (auto ok = (*store)->nodes().upsert(node); !ok) return ok;

  Registry registry(**store, clock);
  if (auto ok = registry.load(); !ok) return ok;
  Publisher publisher(**store, registry, {plan.trust_domain, ""});
  Change first;
  first.text = plan.text;
  first.author = who;
  first.message = "meshd init";
  first.shown_as = o.config;
  auto published = publisher.publish(first);
  if (!published) return fail(std::move(published.error()));
  result.revision = published->revision;
  result.rendered = published->rendered;
  result.summary = published->summary;
  result.config_valid = published->accepted;
  if (!published->accepted) return {};

  UnixSeconds lifetime = leaf_lifetime(&*plan.model);
  SpiffeId server = server_id(plan.trust_domain, o.name);
  for (auto& [name, id] :
       {std::pair(kServerIdentity, server), std::pair(kNodeIdentity, node_id(plan.trust_domain, o.name))}) {
    auto identity = make_identity(**store, *authority, clock, id, lifetime);
    if (!identity) return fail(std::move(identity.error()));
    if (auto ok = save_identity(staging, name, *identity); !ok) return ok;
  }
  if (auto ok = save_bundle(staging, authority->bundle()); !ok) return ok;
  if (auto ok = save_server_file(staging, {result.config, plan.control, o.name}); !ok) return ok;
  NodeFile self{o.name, o.address, o.mesh_port, o.zone, plan.trust_domain, server.uri(), plan.control};
  if (auto ok = save_node_file(staging, self); !ok) return ok;
  if (!o.token_lifetime) return {};
  TokenOrder order{plan.control, result.pin, plan.trust_domain, *o.token_lifetime, std::nullopt, who};
  auto token = make_token(**store, clock, order);
  if (!token) return fail(std::move(token.error()));
  result.token = std::move(token->text);
  return {};
}

}  // namespace

Outcome<Initialized> init_server(const InitOptions& options, const Clock& clock) {
  if (auto ok = check_options(options); !ok) return fail(std::move(ok.error()));
  Initialized result;
  std::error_code error;
  result.config = std::filesystem::absolute(options.config, error).lexically_normal().string();
  auto plan = plan_with_file(options, result);
  if (!plan) return fail(std::move(plan.error()));
  if (!result.config_valid) return result;
  result.trust_domain = plan->trust_domain;
  result.control = plan->control;

  auto state = NewState::begin(StateDir(options.state, options.seal));
  if (!state) return fail(std::move(state.error()));
  if (auto ok = fill(state->staging(), options, *plan, clock, result); !ok)
    return fail(std::move(ok.error()));
  if (!result.config_valid) return result;

  if (plan->starter) {
    std::filesystem::create_directories(std::filesystem::path(result.config).parent_path(), error);
    if (auto ok = write_file(result.config, plan->text, {.mode = 0644}); !ok)
      return fail(std::move(ok.error()));
    result.starter_written = true;
  }
  if (auto ok = state->commit(); !ok) {
    if (plan->starter) unlink(result.config.c_str());
    return fail(std::move(ok.error()));
  }
  return result;
}

Outcome<Identity> make_identity(store::Store& store, const Authority& authority, const Clock& clock,
                                const SpiffeId& id, UnixSeconds lifetime) {
  auto key = KeyPair::generate();
  if (!key) return fail(key.error().code, std::string("cannot make a key: ") + key.error().why);
  auto csr = make_csr(*key);
  if (!csr)
    return fail(csr.error().code, std::string("cannot make a certificate request: ") + csr.error().why);
  std::string_view of_node = node_of(id).empty() ? server_of(id) : node_of(id);
  auto chain = sign_and_record(store, authority, clock, {*csr, id, std::string(of_node), lifetime});
  if (!chain) return fail(std::move(chain.error()));
  return Identity{id, std::make_shared<const KeyPair>(std::move(*key)), std::move(*chain)};
}

Lifetimes lifetimes_of(const model::Model* model) {
  Lifetimes out;
  if (model == nullptr) return out;
  if (UnixSeconds leaf = leaf_lifetime(model); leaf > 0) out.leaf = leaf;
  auto root = std::chrono::duration_cast<std::chrono::seconds>(model->mesh.root_lifetime).count();
  if (root > 0) out.root = root;
  return out;
}

// ---- server.json

Outcome<ServerFile> load_server_file(const StateDir& state) {
  if (!state.is_server())
    return fail(
        Errc::not_found,
        state.root() + " holds no server; run `meshd init` to make one, or name the directory with --state");
  auto text = read_file(state.server_file(), kServerFileMax);
  if (!text) return fail(std::move(text.error()));
  auto j = parse_json(*text);
  ServerFile server;
  if (j) server = {text_of(*j, "config"), text_of(*j, "control"), text_of(*j, "name")};
  if (server.config.empty() || server.name.empty() || !SocketAddress::parse(server.control))
    return fail(Errc::invalid_argument,
                state.server_file() + " is damaged; it needs config, control (ip:port) and name");
  return server;
}

Outcome<> save_server_file(const StateDir& state, const ServerFile& server) {
  JsonObject j;
  j["config"] = json(server.config);
  j["control"] = json(server.control);
  j["name"] = json(server.name);
  return write_file(state.server_file(), to_pretty_text(Json(std::move(j))));
}

}  // namespace meshd
