// SPDX-License-Identifier: Apache-2.0
// get.cc: `meshd get services|nodes|routes|policies|limits|certs`: what this node acts on, as lists.
#include "base/clock.h"
#include "control/admin_client.h"
#include "meshd/command.h"
#include "meshd/table.h"

namespace meshd::cli {
namespace {

using Row = std::vector<std::string>;

std::string or_dash(std::string text) { return text.empty() ? "-" : text; }

// A list as "a, b", a map as "k=v, k=v", anything else as its text.
std::string cell(const Json& j) {
  std::string out;
  if (j.is<JsonArray>()) {
    for (const Json& item : j.get<JsonArray>()) out += (out.empty() ? "" : ", ") + cell(item);
  } else if (j.is<JsonObject>()) {
    for (const auto& [key, value] : j.get<JsonObject>())
      out += (out.empty() ? "" : ", ") + key + "=" + cell(value);
  } else if (!j.is<picojson::null>()) {
    out = j.to_str();
  }
  return out;
}
std::string cell(const Json& j, const std::string& key) { return or_dash(cell(member(j, key))); }

// A number with a fraction, short.
std::string measure(const Json& j, const std::string& key) {
  const Json& n = member(j, key);
  char text[32];
  snprintf(text, sizeof text, "%.3g", n.is<double>() ? n.get<double>() : 0);
  return n.is<double>() ? text : "-";
}

// Where it stands, and why it is out of force.
std::string place_of(const Json& j) {
  std::string why = text_of(j, "quarantined");
  return cell(j, "at") + (why.empty() ? "" : " quarantined: " + why);
}

Row service_row(const Json& s) {
  std::string all = std::to_string(list_of(s, "endpoints").size());
  return {cell(s, "name"),
          cell(s, "protocol"),
          cell(s, "port"),
          cell(s, "listen"),
          cell(s, "endpoints_up") + "/" + all,
          cell(s, "at")};
}

void endpoint_rows(const Json& s, std::vector<Row>& rows) {
  for (const Json& e : list_of(s, "endpoints"))
    rows.push_back({"  " + or_dash(text_of(e, "node")),
                    (text_of(e, "address").empty() ? "-" : text_of(e, "address") + ":" + cell(e, "port")),
                    cell(e, "tags"), "", cell(e, "state"), text_of(e, "why")});
}

std::string arms(const Json& route) {
  std::string out;
  for (const Json& arm : list_of(route, "to")) {
    std::string tags = cell(member(arm, "tags"));
    out += (out.empty() ? "" : ", ") + (tags.empty() ? "all" : "{" + tags + "}") + ":" + cell(arm, "weight");
  }
  return or_dash(out);
}

struct Kind {
  const char* name;
  Row heading;
  Row (*row)(const Json&);
};

const Kind kKinds[] = {
    {"services", {"NAME", "PROTOCOL", "PORT", "LISTEN", "UP", "AT"}, service_row},
    {"nodes",
     {"NAME", "ADDRESS", "MESH PORT", "ZONE", "SERVICES"},
     [](const Json& n) -> Row {
       return {text_of(n, "name") + (flag_of(n, "self") ? " (this)" : ""), cell(n, "address"),
               cell(n, "mesh_port"), cell(n, "zone"), cell(n, "services")};
     }},
    {"routes",
     {"NAME", "SERVICE", "MATCH", "TO", "AT"},
     [](const Json& r) -> Row {
       return {cell(r, "name"), cell(r, "service"), cell(r, "match"), arms(r), place_of(r)};
     }},
    {"policies",
     {"NAME", "EFFECT", "MODE", "FROM", "TO", "METHODS", "PATHS", "AT"},
     [](const Json& p) -> Row {
       return {cell(p, "name"), cell(p, "effect"),  cell(p, "mode"),  cell(p, "from"),
               cell(p, "to"),   cell(p, "methods"), cell(p, "paths"), place_of(p)};
     }},
    {"limits",
     {"NAME", "SCOPE", "RATE", "BURST", "KEY", "LEASE", "SHARE", "HERE", "DEMAND"},
     [](const Json& l) -> Row {
       std::string left = cell(l, "lease_ms");
       return {cell(l, "name"),
               cell(l, "scope"),
               measure(l, "rate") + "/s",
               cell(l, "burst"),
               cell(l, "key"),
               cell(l, "lease") + (left == "-" ? "" : " for " + left + " ms"),
               measure(l, "share"),
               measure(l, "here") + "/s",
               measure(l, "demand")};
     }},
    {"certs",
     {"NAME", "ID", "STATE", "LEFT", "SERIAL", "PROBLEM"},
     [](const Json& c) -> Row {
       return {cell(c, "name"),   cell(c, "id"),
               cell(c, "state"),  format_duration(std::chrono::seconds(int_of(c, "seconds_left"))),
               cell(c, "serial"), cell(c, "problem")};
     }},
};

int run_get(Globals& globals, const std::string& name) {
  const Kind* kind = nullptr;
  for (const Kind& k : kKinds)
    if (k.name == name) kind = &k;
  auto list = ask_admin_ok(globals.state_dir(), {.path = "/v1/get/" + name});
  if (!list) return failed(list.error());
  if (globals.json()) return print_json(*list);

  std::vector<Row> rows{kind->heading};
  std::string lines;
  for (const Json& item : list_of(*list, "items")) {
    if (globals.output == "jsonl") lines += to_text(item) + "\n";
    if (globals.output == "name") lines += text_of(item, "name") + "\n";
    rows.push_back(kind->row(item));
    if (name == "services") endpoint_rows(item, rows);
  }
  if (globals.output != "table") return print(lines);
  if (rows.size() == 1)
    say("none");
  else if (int printed = print(format_table(rows)); printed != kOk)
    return printed;
  if (name == "policies")
    say("default: " + text_of(*list, "default") + " (" + text_of(*list, "default_at") + ")");
  return kOk;
}

}  // namespace

void add_get(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("get", "List what this node acts on");
  auto kind = std::make_shared<std::string>();
  command->add_option("kind", *kind, "services, nodes, routes, policies, limits or certs")
      ->required()
      ->check(CLI::IsMember({"services", "nodes", "routes", "policies", "limits", "certs"}));
  command->callback(
      [&globals, kind] { globals.action = [&globals, kind] { return run_get(globals, *kind); }; });
}

}  // namespace meshd::cli
