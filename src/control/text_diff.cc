// SPDX-License-Identifier: Apache-2.0
// text_diff.cc: the shortest edit script by Myers' greedy method (An O(ND) Difference Algorithm, 1986), bounded.
#include "control/text_diff.h"

#include <algorithm>
#include <vector>

namespace meshd {
namespace {

constexpr size_t kContext = 3;
constexpr int kEditsMax = 1000;  // the method keeps edits² / 2 numbers: 2 MB

using Lines = std::vector<std::string_view>;

Lines lines_of(std::string_view text) {
  Lines out;
  while (!text.empty()) {
    size_t end = text.find('\n');
    end = end == std::string_view::npos ? text.size() : end + 1;
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

struct Edit {
  char kind;        // ' ', '-', '+'
  size_t from, to;  // line before which it stands, on each side
};

// The lines between common start and end, [from_at, from_end) against [to_at, to_end).
struct Middle {
  size_t from_at, from_end, to_at, to_end;
};

void replace_all(const Middle& m, std::vector<Edit>& out) {
  for (size_t i = m.from_at; i < m.from_end; ++i) out.push_back({'-', i, m.to_at});
  for (size_t i = m.to_at; i < m.to_end; ++i) out.push_back({'+', m.from_end, i});
}

void shortest(const Lines& a, const Lines& b, const Middle& m, std::vector<Edit>& out) {
  int n = static_cast<int>(m.from_end - m.from_at), k_b = static_cast<int>(m.to_end - m.to_at);
  int edits_max = std::min(n + k_b, kEditsMax);
  auto equal = [&](int x, int y) {
    return a[m.from_at + static_cast<size_t>(x)] == b[m.to_at + static_cast<size_t>(y)];
  };
  // furthest[d][k + d]: how far diagonal k = x - y got with d edits.
  std::vector<std::vector<int>> furthest;
  int found = -1;
  for (int d = 0; d <= edits_max && found < 0; ++d) {
    std::vector<int> row(static_cast<size_t>(2 * d + 1));
    for (int k = -d; k <= d; k += 2) {
      int x = 0;
      if (d > 0) {
        const auto& last = furthest.back();
        auto at = [&](int diagonal) { return last[static_cast<size_t>(diagonal + d - 1)]; };
        bool down = k == -d || (k != d && at(k - 1) < at(k + 1));
        x = down ? at(k + 1) : at(k - 1) + 1;
      }
      int y = x - k;
      while (x < n && y < k_b && equal(x, y)) ++x, ++y;
      row.begin()[k + d] = x;
      if (x >= n && y >= k_b) {
        found = d;
        break;
      }
    }
    furthest.push_back(std::move(row));
  }
  if (found < 0) return replace_all(m, out);

  // Walk back from the end, then turn round.
  size_t start = out.size();
  int x = n, y = k_b;
  auto put = [&](char kind) {
    out.push_back({kind, m.from_at + static_cast<size_t>(x), m.to_at + static_cast<size_t>(y)});
  };
  for (int d = found; d > 0; --d) {
    const auto& last = furthest[static_cast<size_t>(d - 1)];
    auto at = [&](int diagonal) { return last[static_cast<size_t>(diagonal + d - 1)]; };
    int k = x - y;
    bool down = k == -d || (k != d && at(k - 1) < at(k + 1));
    int before_x = down ? at(k + 1) : at(k - 1);
    int before_y = before_x - (down ? k + 1 : k - 1);
    while (x > before_x + (down ? 0 : 1) || y > before_y + (down ? 1 : 0)) --x, --y, put(' ');
    if (down)
      --y, put('+');
    else
      --x, put('-');
  }
  while (x > 0) --x, --y, put(' ');
  std::reverse(out.begin() + static_cast<std::ptrdiff_t>(start), out.end());
}

void write_hunk(const Lines& a, const Lines& b, const std::vector<Edit>& edits, size_t first, size_t last,
                std::string& out) {
  size_t from_count = 0, to_count = 0;
  for (size_t i = first; i < last; ++i) {
    if (edits[i].kind != '+') ++from_count;
    if (edits[i].kind != '-') ++to_count;
  }
  auto range = [](size_t at, size_t count) {
    std::string text = std::to_string(count == 0 ? at : at + 1);
    return count == 1 ? text : text + "," + std::to_string(count);
  };
  out += "@@ -" + range(edits[first].from, from_count) + " +" + range(edits[first].to, to_count) + " @@\n";
  for (size_t i = first; i < last; ++i) {
    std::string_view line = edits[i].kind == '+' ? b[edits[i].to] : a[edits[i].from];
    out.push_back(edits[i].kind);
    out.append(line);
    if (!line.ends_with('\n')) out += "\n\\ No newline at end of file\n";
  }
}

}  // namespace

std::string text_diff(DiffSide from, DiffSide to) {
  if (from.text == to.text) return {};
  Lines a = lines_of(from.text), b = lines_of(to.text);
  Middle m{0, a.size(), 0, b.size()};
  while (m.from_at < m.from_end && m.to_at < m.to_end && a[m.from_at] == b[m.to_at]) ++m.from_at, ++m.to_at;
  while (m.from_end > m.from_at && m.to_end > m.to_at && a[m.from_end - 1] == b[m.to_end - 1])
    --m.from_end, --m.to_end;

  std::vector<Edit> edits;
  for (size_t i = m.from_at - std::min(kContext, m.from_at); i < m.from_at; ++i) edits.push_back({' ', i, i});
  shortest(a, b, m, edits);
  for (size_t i = 0; i < kContext && m.from_end + i < a.size(); ++i)
    edits.push_back({' ', m.from_end + i, m.to_end + i});

  std::string out = "--- " + std::string(from.name) + "\n+++ " + std::string(to.name) + "\n";
  // A hunk goes on while the next change is at most two contexts away.
  size_t i = 0;
  while (i < edits.size()) {
    size_t change = i;
    while (change < edits.size() && edits[change].kind == ' ') ++change;
    if (change == edits.size()) break;
    size_t first = change - std::min(kContext, change - i), last = change;
    for (size_t j = change; j < edits.size() && j <= last + 2 * kContext; ++j)
      if (edits[j].kind != ' ') last = j;
    size_t end = std::min(last + 1 + kContext, edits.size());
    write_hunk(a, b, edits, first, end, out);
    i = end;
  }
  return out;
}

}  // namespace meshd
