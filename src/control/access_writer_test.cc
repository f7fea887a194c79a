// SPDX-License-Identifier: Apache-2.0
#include "control/access_writer.h"

#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "base/file.h"
#include "base/json.h"
#include "control/test_dir.h"

namespace meshd {
namespace {

AccessRecord record(std::string path) {
  AccessRecord r;
  r.service = "web";
  r.method = "GET";
  r.path = std::move(path);
  r.status = 200;
  return r;
}

model::AccessLog to_file(const std::string& path,
                         model::AccessLogFormat format = model::AccessLogFormat::json) {
  model::AccessLog log;
  log.output = path;
  log.format = format;
  return log;
}

long lines_of(const std::string& path) {
  auto text = read_file(path, 1 << 20);
  return text ? std::count(text->begin(), text->end(), '\n') : -1;
}

}  // namespace

TEST_CASE("every record becomes one line, in order, and is there when the writer is gone") {
  TestDir dir;
  {
    AccessWriter writer;
    writer.configure(to_file(dir / "access.log"));
    for (int i = 0; i < 100; ++i) writer.write({record("/" + std::to_string(i))});
  }
  std::string text = *read_file(dir / "access.log", 1 << 20);
  REQUIRE(lines_of(dir / "access.log") == 100);
  auto first = parse_json(text.substr(0, text.find('\n')));
  REQUIRE(first);
  REQUIRE(text_of(*first, "path") == "/0");
}

TEST_CASE("after a rename and a reopen new records go to a new file") {
  TestDir dir;
  std::string path = dir / "access.log";
  AccessWriter writer;
  writer.configure(to_file(path));
  writer.write({record("/before")});
  while (lines_of(path) != 1) usleep(1000);
  std::filesystem::rename(path, path + ".1");
  writer.reopen();
  writer.write({record("/after")});
  while (lines_of(path) != 1) usleep(1000);
  REQUIRE(lines_of(path + ".1") == 1);
}

TEST_CASE("a file that cannot be opened loses records, says so, and holds nobody up") {
  TestDir dir;
  AccessWriter writer;
  writer.configure(to_file(dir / "no/such/dir/access.log"));
  writer.write({record("/")});
  while (writer.dropped() == 0) usleep(1000);
  REQUIRE(writer.problem().find("access.log") != std::string::npos);
}

TEST_CASE("the text form cannot be broken into two lines from outside") {
  std::string line = to_text_line(record("/a\nb c"));
  REQUIRE(line.find('\n') == line.size() - 1);
  REQUIRE(line.find("/a?b?c") != std::string::npos);
}

}  // namespace meshd
