// SPDX-License-Identifier: Apache-2.0
#include "registry/local/archive/inflation.h"

#include <cstddef>
#include <stop_token>
#include <string>

#include <gtest/gtest.h>

#include "tests/registry/local/local_fixture.h"

namespace digestfs::registry {
namespace {

/// Asks for a stop as soon as the first bytes have come.
class StoppingSink final : public ByteSink {
 public:
  explicit StoppingSink(std::stop_source& stop) : stop_(stop) {}
  void write(std::span<const std::byte> bytes) override {
    taken += bytes.size();
    stop_.request_stop();
  }
  std::size_t taken = 0;

 private:
  std::stop_source& stop_;
};

// A few bytes become gigabytes: a stop was seen only where more of the input was read.
TEST(Inflation, StopsInTheMiddleOfWhatAFewBytesBecome) {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "zeros";
  test::write_file(path, test::zstd(std::string(std::size_t{64} << 20U, '\0')));
  const UniqueFd file = open_file(AT_FDCWD, path, O_RDONLY);
  const FilePart part = whole_file(file.get());
  ASSERT_LT(part.size, std::size_t{256} << 10U) << "the input is one piece";
  std::stop_source stop;
  StoppingSink sink(stop);
  auto budget = InflationBudget::for_compressed(part.size);
  const auto failure = test::failure_of(
      [&] { inflate(part, compression_of(part), sink, budget, stop.get_token()); });
  EXPECT_EQ(failure.code, Errc::interrupted);
  EXPECT_LE(sink.taken, std::size_t{1} << 20U);
}

TEST(Inflation, HasOneBudgetForAllThatIsDecompressed) {
  InflationBudget budget(100);
  budget.spend(60);
  EXPECT_EQ(test::failure_of([&] { budget.spend(41); }).code, Errc::too_large);
  budget.spend(40);
  EXPECT_EQ(test::failure_of([&] { budget.spend(1); }).code, Errc::too_large);
}

TEST(Inflation, AllowsTwoHundredTimesWhatIsCompressedAndSomeForSmallFiles) {
  constexpr std::uint64_t kSome = std::uint64_t{256} << 20U;
  auto small = InflationBudget::for_compressed(1);
  small.spend(kSome);
  EXPECT_EQ(test::failure_of([&] { small.spend(1); }).code, Errc::too_large);
  auto large = InflationBudget::for_compressed(kSome);
  large.spend(200 * kSome);
  EXPECT_EQ(test::failure_of([&] { large.spend(1); }).code, Errc::too_large);
  InflationBudget::for_compressed(UINT64_MAX).spend(UINT64_MAX / 200 * 200);
}

}  // namespace
}  // namespace digestfs::registry
