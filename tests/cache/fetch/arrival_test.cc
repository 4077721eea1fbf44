// SPDX-License-Identifier: Apache-2.0
#include "cache/fetch/arrival.h"

#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "cache/fetch/arrival_hash.h"
#include "tests/support/image_builder.h"
#include "tests/support/mounted.h"

namespace digestfs::cache {
namespace {

class ArrivalTest : public testing::Test {
 protected:
  void SetUp() override {
    file_ = open_file(AT_FDCWD, directory_.path() / "partial", O_RDWR | O_CREAT, 0600);
    arrival_->begin(file_.get());
  }
  /// Lets `text` arrive at `offset`, so that the first `reached` bytes are there.
  void arrive(std::string_view text, std::uint64_t offset, std::uint64_t reached) {
    write_all_at(file_.get(), std::as_bytes(std::span(text)), offset);
    arrival_->reach(reached);
  }
  static std::string read_all(ArrivalReader& reader, const std::stop_token& stop = {}) {
    std::string text;
    std::string buffer(1000, '\0');
    while (const auto got = reader.read(std::as_writable_bytes(std::span(buffer)), stop)) {
      text += buffer.substr(0, got);
    }
    return text;
  }
  static Errc failure(ArrivalReader& reader, const std::stop_token& stop = {}) {
    try {
      static_cast<void>(read_all(reader, stop));
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "it was read to its end";
    return Errc::corrupt;
  }

  test::TemporaryDirectory directory_;
  UniqueFd file_;
  std::shared_ptr<Arrival> arrival_ = std::make_shared<Arrival>();
};

TEST_F(ArrivalTest, IsReadWhileItComes) {
  const std::string text = test::noise(2'000'000);
  std::string read;
  std::jthread other([&] {
    ArrivalReader reader(arrival_);
    read = read_all(reader);
  });
  for (std::size_t at = 0; at < text.size(); at += 70'000) {
    const auto part = std::string_view(text).substr(at, 70'000);
    arrive(part, at, at + part.size());
  }
  arrival_->complete();
  other.join();
  EXPECT_EQ(read, text);
}

TEST_F(ArrivalTest, IsReadUpToTheFirstGap) {
  arrive(std::string(5000, 'b'), 5000, 0);
  arrive(std::string(5000, 'a'), 0, 10'000);
  arrival_->complete();
  ArrivalReader reader(arrival_);
  EXPECT_EQ(read_all(reader), std::string(5000, 'a') + std::string(5000, 'b'));
}

TEST_F(ArrivalTest, IsOfNoUseToAReaderOnceItBeginsAnew) {
  ArrivalReader reader(arrival_);
  arrive("old", 0, 3);
  arrival_->restart();
  arrive("new", 0, 3);
  arrival_->complete();
  EXPECT_EQ(failure(reader), Errc::interrupted);
  ArrivalReader other(arrival_);
  EXPECT_EQ(read_all(other), "new");
  arrival_->settle(true);
  EXPECT_FALSE(reader.is_verified({}));
  EXPECT_TRUE(other.is_verified({}));
}

TEST_F(ArrivalTest, EndsForAllReadersWhenTheDownloadFails) {
  ArrivalReader reader(arrival_);
  std::jthread other([&] { arrival_->settle(false); });
  EXPECT_EQ(failure(reader), Errc::interrupted);
  EXPECT_FALSE(reader.is_verified({}));
  other.join();
  arrival_->settle(true);
  EXPECT_FALSE(reader.is_verified({})) << "the first verdict counts";
}

TEST_F(ArrivalTest, LetsAReaderStop) {
  ArrivalReader reader(arrival_);
  std::stop_source stop;
  std::jthread other([&] { stop.request_stop(); });
  EXPECT_EQ(failure(reader, stop.get_token()), Errc::interrupted);
  EXPECT_FALSE(reader.is_verified(stop.get_token()));
}

TEST_F(ArrivalTest, IsReadFromAnEarlierBeginning) {
  const auto arrival = std::make_shared<Arrival>();
  ArrivalReader reader(arrival);
  arrive("bytes", 0, 5);
  arrival->begin(file_.get());
  arrival->reach(5);
  arrival->complete();
  EXPECT_EQ(read_all(reader), "bytes");
}

TEST_F(ArrivalTest, IsHashedWhileItComes) {
  const std::string text = test::noise(1'000'000);
  ArrivalHash hash(arrival_, file_.get(), "sha256", WithSums::no);
  arrive(std::string_view(text).substr(0, 400'000), 0, 400'000);
  arrive(std::string_view(text).substr(400'000), 400'000, text.size());
  arrival_->complete();
  const auto hashed = hash.finish({});
  ASSERT_TRUE(hashed);
  EXPECT_EQ(hashed->digest, digest_of(text));
  EXPECT_EQ(hashed->fingerprint.size, text.size());
}

TEST_F(ArrivalTest, HasNoHashOnceItBeganAnew) {
  ArrivalHash hash(arrival_, file_.get(), "sha256", WithSums::no);
  arrive("old", 0, 3);
  arrival_->restart();
  arrival_->complete();
  EXPECT_FALSE(hash.finish({}));
}

}  // namespace
}  // namespace digestfs::cache
