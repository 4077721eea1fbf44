// SPDX-License-Identifier: Apache-2.0
#include "cache/written_file.h"

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/support/image_builder.h"
#include "tests/support/mounted.h"

namespace digestfs::cache {
namespace {

using Writers = WrittenFile::Writers;

class WrittenFileTest : public testing::TestWithParam<Writers> {
 protected:
  [[nodiscard]] std::filesystem::path path() const { return directory_.path() / "file"; }
  [[nodiscard]] UniqueFd open(int flags) const { return open_file(AT_FDCWD, path(), flags, 0600); }
  void write(WrittenFile& written, std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    write_all_at(file_.get(), bytes, at_);
    at_ += bytes.size();
    written.update(bytes);
  }
  void scribble() const {
    write_all_at(open(O_WRONLY).get(), std::as_bytes(std::span(std::string_view("x"))), 77'777);
  }

  test::TemporaryDirectory directory_;
  UniqueFd file_ = open(O_RDWR | O_CREAT);
  std::uint64_t at_ = 0;
  std::string text_ = test::noise(1'000'000);
};

TEST_P(WrittenFileTest, IsWhatWasWrittenToIt) {
  WrittenFile written(file_.get(), "sha256", GetParam());
  write(written, std::string_view(text_).substr(0, 400'000));
  write(written, std::string_view(text_).substr(400'000));
  const auto hashed = written.recognise({});
  ASSERT_TRUE(hashed);
  EXPECT_EQ(hashed->digest, digest_of(text_));
  EXPECT_EQ(hashed->fingerprint, Fingerprint::of(file_.get()));
}

TEST_P(WrittenFileTest, IsNotAFileOfAnotherSize) {
  WrittenFile written(file_.get(), "sha256", GetParam());
  write(written, text_);
  ASSERT_EQ(::ftruncate(file_.get(), 999'999), 0);
  EXPECT_FALSE(written.recognise({}));
  EXPECT_EQ(written.digest(), digest_of(text_));
}

TEST_F(WrittenFileTest, IsNotWhatSomebodyElseWroteTo) {
  WrittenFile written(file_.get(), "sha256", Writers::any);
  write(written, text_);
  scribble();
  EXPECT_FALSE(written.recognise({}));
  EXPECT_EQ(written.digest(), digest_of(text_));
}

// It leaves no trace once the file has its old size again, and opens nothing.
TEST_F(WrittenFileTest, IsNotWhatSomebodyElseCutShort) {
  WrittenFile written(file_.get(), "sha256", Writers::any);
  write(written, std::string_view(text_).substr(0, 400'000));
  ASSERT_EQ(::truncate(path().c_str(), 399'000), 0);
  write(written, std::string_view(text_).substr(400'000));
  EXPECT_FALSE(written.recognise({}));
}

INSTANTIATE_TEST_SUITE_P(Of, WrittenFileTest, testing::Values(Writers::any, Writers::only_us),
                         [](const auto& tested) {
                           return tested.param == Writers::any ? "AnyWriter" : "OneWriter";
                         });

}  // namespace
}  // namespace digestfs::cache
