// SPDX-License-Identifier: Apache-2.0
#include "registry/local/containers/tar_split.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace digestfs::registry {
namespace {

class Parts final : public TarSplitSink {
 public:
  void take_bytes(std::string_view bytes) override { all.push_back(str_cat("bytes ", bytes)); }
  void take_file(const TarSplitFile& file) override {
    all.push_back(str_cat("file ", file.name, " ", file.size, " ", file.crc64));
  }
  std::vector<std::string> all;
};

std::vector<std::string> parts_of(std::string_view text, std::size_t step = SIZE_MAX) {
  Parts parts;
  TarSplitReader reader(parts);
  while (!text.empty()) {
    const auto piece = text.substr(0, step);
    reader.write(as_bytes(piece));
    text.remove_prefix(piece.size());
  }
  reader.finish();
  return parts.all;
}

constexpr std::string_view kText =
    R"({"type":2,"payload":"aGVhZGVy","position":0})"
    "\n"
    R"({"type":1,"name":"f","size":6,"payload":"YUw+7uLYEAA=","position":1})"
    "\n"
    R"({"type":1,"name":"dir/","payload":"","position":2})"
    "\n"
    R"({"type":1,"name_raw":"/w==","size":1,"payload":"AAAAAAAAAAE=","position":3})"
    "\n"
    R"({"type":2,"payload":null,"position":4})"
    "\n";

TEST(TarSplit, GivesBytesAndFilesInOrder_LOC5) {
  const std::vector<std::string> expected = {"bytes header", "file f 6 7011047915637968896",
                                             "file \xff 1 1", "bytes "};
  EXPECT_EQ(parts_of(kText), expected);
  for (std::size_t step = 1; step < 60; step += 3) EXPECT_EQ(parts_of(kText, step), expected);
  EXPECT_TRUE(parts_of("").empty());
}

TEST(TarSplit, RefusesAnythingElse) {
  for (const std::string line : {
           "x",
           "{}",
           "[]",
           "",
           R"({"type":3,"payload":""})",
           R"({"type":2,"payload":"?"})",
           R"({"type":1,"name":"f","size":6,"payload":"AAAA"})",
           R"({"type":1,"name":"f","size":6})",
       }) {
    EXPECT_THROW(parts_of(line + "\n"), Error) << line;
  }
  EXPECT_THROW(parts_of(kText.substr(0, kText.size() - 1)), Error) << "it ends within a line";
  EXPECT_THROW(parts_of(std::string(20U << 20U, 'x')), Error) << "a line without an end";
}

}  // namespace
}  // namespace digestfs::registry
