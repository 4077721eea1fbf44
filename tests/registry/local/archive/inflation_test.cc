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
  const auto failure =
      test::failure_of([&] { inflate(part, compression_of(part), sink, stop.get_token()); });
  EXPECT_EQ(failure.code, Errc::interrupted);
  EXPECT_LE(sink.taken, std::size_t{1} << 20U);
}

}  // namespace
}  // namespace digestfs::registry
