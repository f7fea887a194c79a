// SPDX-License-Identifier: Apache-2.0
// render.cc: findings as people read them (design section 10):
//
//   error[MD1004]: unknown key 'timout' in services.web
//     --> /etc/meshd/meshd.yaml:6:5
//      |
//    6 |     timout: 5s
//      |     ^^^^^^ did you mean 'timeout'?
#include <algorithm>

#include "model/config.h"

namespace meshd::model {
namespace {

constexpr size_t kShownColumns = 160;  // of a source line

// Start of each line.
std::vector<size_t> line_starts(std::string_view text) {
  std::vector<size_t> starts{0};
  for (size_t i = text.find('\n'); i != std::string_view::npos; i = text.find('\n', i + 1))
    starts.push_back(i + 1);
  return starts;
}

size_t columns(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// The first `n` characters.
std::string_view first(std::string_view text, size_t n) {
  size_t i = 0;
  for (; i < text.size(); ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80 && n-- == 0) break;
  return text.substr(0, i);
}

// Nothing in the file may move the reader's cursor.
std::string printable(std::string_view line) {
  std::string out(line);
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = c == '\t' ? ' ' : '?';
  return out;
}

std::string plural(size_t n, const char* word) {
  return std::to_string(n) + " " + word + (n == 1 ? "" : "s");
}

}  // namespace

std::string render(const std::vector<Diagnostic>& diagnostics, std::string_view file_name,
                   std::string_view text) {
  std::vector<size_t> starts = line_starts(text);
  std::string out;
  for (const Diagnostic& d : diagnostics) {
    out += d.severity == Diagnostic::error ? "error[" : "warning[";
    out += d.code + "]: " + d.message + "\n";
    out += "  --> " + std::string(file_name);
    bool placed = d.at.line > 0 && d.at.line <= starts.size();
    if (placed) out += ":" + std::to_string(d.at.line) + ":" + std::to_string(d.at.column);
    out += "\n";
    if (!placed) {
      if (!d.hint.empty()) out += "   | " + d.hint + "\n";
      continue;
    }
    size_t start = starts[d.at.line - 1];
    std::string_view line = text.substr(start, text.find('\n', start) - start);
    if (line.ends_with('\r')) line.remove_suffix(1);
    std::string number = std::to_string(d.at.line);
    std::string gutter(std::max<size_t>(number.size() + 2, 3), ' ');
    // A very long line is shown around its fault: from the start, as far as the fault if that is near.
    size_t shown = std::max<size_t>(kShownColumns, 1);
    bool fits = d.at.column <= shown;
    std::string_view source = first(line, shown);
    size_t pad = fits ? d.at.column - 1 : columns(source);
    size_t carets =
        fits ? std::clamp<size_t>(d.length, 1,
                                  std::max<size_t>(1, columns(source) - std::min(columns(source), pad)))
             : 1;
    out += gutter + "|\n";
    out += " " + number + std::string(gutter.size() - number.size() - 1, ' ') + "| " + printable(source) +
           (source.size() < line.size() ? "…" : "") + "\n";
    out += gutter + "| " + std::string(pad, ' ') + std::string(carets, '^') +
           (d.hint.empty() ? "" : " " + d.hint) + "\n";
  }
  return out;
}

std::string summary(const std::vector<Diagnostic>& diagnostics, std::optional<Revision> running) {
  Count c = count(diagnostics);
  std::string out;
  if (c.errors) out = plural(c.errors, "error");
  if (c.warnings) out += (out.empty() ? "" : ", ") + plural(c.warnings, "warning");
  if (c.errors && running)
    out += running->value
               ? "; the running configuration (revision " + std::to_string(running->value) + ") is unchanged"
               : "; nothing was published";
  return out;
}

}  // namespace meshd::model
