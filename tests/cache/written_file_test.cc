// SPDX-License-Identifier: Apache-2.0
#include "cache/written_file.h"

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

class WrittenFileTest : public testing::Test {
 protected:
  [[nodiscard]] UniqueFd open(int flags) const {
    return open_file(AT_FDCWD, directory_.path() / "file", flags, 0600);
  }
  void write(WrittenFile& written, std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    write_all_at(file_.get(), bytes, at_);
    at_ += bytes.size();
    written.update(bytes);
  }

  test::TemporaryDirectory directory_;
  UniqueFd file_ = open(O_RDWR | O_CREAT);
  std::uint64_t at_ = 0;
  std::string text_ = test::noise(1'000'000);
};

TEST_F(WrittenFileTest, IsWhatWasWrittenToIt) {
  WrittenFile written(file_.get(), "sha256");
  write(written, std::string_view(text_).substr(0, 400'000));
  write(written, std::string_view(text_).substr(400'000));
  const auto hashed = written.recognise({});
  ASSERT_TRUE(hashed);
  EXPECT_EQ(hashed->digest, digest_of(text_));
  EXPECT_EQ(hashed->fingerprint, Fingerprint::of(file_.get()));
}

TEST_F(WrittenFileTest, IsNotWhatSomebodyElseWroteTo) {
  WrittenFile written(file_.get(), "sha256");
  write(written, text_);
  write_all_at(open(O_WRONLY).get(), std::as_bytes(std::span(std::string_view("x"))), 77'777);
  EXPECT_FALSE(written.recognise({}));
  EXPECT_EQ(written.digest(), digest_of(text_));
}

TEST_F(WrittenFileTest, IsReadAgainWhereSomebodyElseCouldWrite) {
  const UniqueFd other = open(O_RDWR);
  WrittenFile written(file_.get(), "sha256");
  write(written, text_);
  const auto hashed = written.recognise({});
  ASSERT_TRUE(hashed);
  EXPECT_EQ(hashed->digest, digest_of(text_));
  write_all_at(other.get(), std::as_bytes(std::span(std::string_view("x"))), 77'777);
  EXPECT_FALSE(written.recognise({}));
}

TEST_F(WrittenFileTest, IsNotAFileOfAnotherSize) {
  WrittenFile written(file_.get(), "sha256");
  write(written, text_);
  ASSERT_EQ(::ftruncate(file_.get(), 999'999), 0);
  EXPECT_FALSE(written.recognise({}));
}

}  // namespace
}  // namespace digestfs::cache
