// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "model/config.h"

namespace meshd::model {

TEST_CASE("findings are shown with their line, carets and hint") {
  const char* text = "version: 1\nservices:\n  web:\n    protocol: http\n    port: 80\n    prot: 5s\n";
  auto p = parse_config(text);
  CHECK(render(p.diagnostics, "/etc/meshd/meshd.yaml", text) ==
        "error[MD1004]: unknown key 'prot' in services.web\n"
        "  --> /etc/meshd/meshd.yaml:6:5\n"
        "   |\n"
        " 6 |     prot: 5s\n"
        "   |     ^^^^ did you mean 'port'?\n");
}

TEST_CASE("the gutter grows with the line number and carets count characters") {
  std::string text(98, '\n');
  text += "mesh: { \"é\": x }\nmtls: { \tname: Üx }\n";
  auto p = parse_config(text);
  CHECK(render({p.diagnostics[0]}, "f", text) ==
        "error[MD1004]: unknown key 'é' in mesh\n"
        "  --> f:99:9\n"
        "    |\n"
        " 99 | mesh: { \"é\": x }\n"
        "    |         ^^^ known here: name, trust_domain, mtls, interception, http_port or certificates\n");
  CHECK(render({p.diagnostics[1]}, "f", text).contains("\n     |\n 100 | mtls: {  name: Üx }\n     | ^^^^"));
}

TEST_CASE("a finding without a place, and a very long line, still render") {
  CHECK(render({{Diagnostic::error, "MD1006", "the file is empty", "write one", {}, 1}}, "f", "") ==
        "error[MD1006]: the file is empty\n  --> f\n   | write one\n");
  std::string text = "x: " + std::string(5000, 'y') + "\n";
  std::string shown = render({{Diagnostic::error, "MD1", "m", "", {1, 4000}, 9}}, "f", text);
  CHECK(shown.size() < 500);
  CHECK(shown.contains("…"));
  CHECK(render({{Diagnostic::warning, "MD1", "m", "", {7, 1}, 1}}, "f", "a\n")
            .starts_with("warning[MD1]: m\n  --> f\n"));
}

TEST_CASE("the summary counts and says what still runs") {
  Diagnostic e{Diagnostic::error, "", "", "", {}, 1}, w{Diagnostic::warning, "", "", "", {}, 1};
  CHECK(summary({e, e, w}, Revision{41}) ==
        "2 errors, 1 warning; the running configuration (revision 41) is unchanged");
  CHECK(summary({e}, Revision{0}) == "1 error; nothing was published");
  CHECK(summary({e}) == "1 error");
  CHECK(summary({w, w}, Revision{41}) == "2 warnings");
  CHECK(summary({}).empty());
}

}  // namespace meshd::model
