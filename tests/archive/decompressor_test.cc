// SPDX-License-Identifier: Apache-2.0
#include "archive/decompressor.h"

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "archive/gzip.h"
#include "base/error.h"
#include "base/file.h"
#include "tests/support/image_builder.h"

namespace digestfs::archive {
namespace {

using namespace std::string_literals;

struct TextSink final : ByteSink {
  void write(std::span<const std::byte> bytes) override { text += as_text(bytes); }
  std::string text;
};

struct Outcome {
  std::string text = {};
  std::string remark = {};
  std::optional<Errc> failure = {};

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  out << outcome.text.size() << " bytes, remark \"" << outcome.remark << '"';
  if (outcome.failure) out << ", fails as " << to_string(*outcome.failure);
  return out;
}

using Make = std::function<std::unique_ptr<Decompressor>(ByteSink&)>;

Outcome decompress(const Make& make, std::string_view input, std::size_t step) {
  TextSink sink;
  Outcome outcome;
  try {
    const auto decompressor = make(sink);
    for (; !input.empty(); input.remove_prefix(std::min(step, input.size()))) {
      decompressor->write(as_bytes(input.substr(0, step)));
    }
    decompressor->finish();
    outcome.text = sink.text;
    outcome.remark = decompressor->remark();
  } catch (const Error& error) {
    outcome.failure = error.code();  // how far it came does not matter
  }
  return outcome;
}

Outcome decompress(Compression compression, std::string_view input, std::size_t step) {
  return decompress([=](ByteSink& sink) { return make_decompressor(compression, sink); }, input,
                    step);
}

/// Whole and in pieces of several sizes: the outcome must not depend on them.
Outcome decompress(const Make& make, const std::string& input) {
  const Outcome whole = decompress(make, input, input.size() + 1);
  for (const std::size_t step : {1U, 2U, 3U, 7U, 1000U}) {
    const Outcome stepwise = decompress(make, input, step);
    EXPECT_EQ(stepwise, whole) << "in steps of " << step;
  }
  return whole;
}

Outcome decompress(Compression compression, const std::string& input) {
  return decompress([=](ByteSink& sink) { return make_decompressor(compression, sink); }, input);
}

/// Decompressors of gzip with each inflater that is there.
std::vector<Make> inflaters() {
  std::vector<Make> all = {
      [](ByteSink& sink) { return make_gzip_decompressor(sink, make_zlib_inflater()); }};
#ifdef DIGESTFS_ISAL
  all.emplace_back(
      [](ByteSink& sink) { return make_gzip_decompressor(sink, make_isal_inflater()); });
#endif
  return all;
}

/// With each inflater: they must agree.
Outcome gunzip(const std::string& input) {
  const std::vector<Make> all = inflaters();
  const Outcome outcome = decompress(all.front(), input);
  for (const Make& make : all) EXPECT_EQ(decompress(make, input), outcome);
  return outcome;
}
Outcome unzstd(const std::string& input) { return decompress(Compression::zstd, input); }

// "hello" by hand, each in a stored block. gzip: RFC 1952, its CRC32 3610a686 and its size.
const std::string kGzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"s;
const std::string kDeflatedHello = "\x01\x05\x00\xfa\xffhello"s;
const std::string kHelloCrc = "\x86\xa6\x10\x36"s;
const std::string kHelloSize = "\x05\x00\x00\x00"s;
const std::string kGzipHello = kGzipHeader + kDeflatedHello + kHelloCrc + kHelloSize;
// zstd: RFC 8878; single segment, one byte of content size, one last raw block of 5 bytes.
const std::string kZstdHello = "\x28\xb5\x2f\xfd\x20\x05\x29\x00\x00hello"s;

// MT-2: what it is, is told from the bytes.
TEST(Sniff, TellsCompressionsByTheirFirstBytes) {
  const std::vector<std::pair<std::string, Compression>> cases = {
      {kGzipHello, Compression::gzip},
      {kZstdHello, Compression::zstd},
      {"\x50\x2a\x4d\x18\x00\x00"s, Compression::zstd},
      {"\x5f\x2a\x4d\x18\x00\x00"s, Compression::zstd},
      {"\x60\x2a\x4d\x18\x00\x00"s, Compression::none},
      {"BZh91A"s, Compression::bzip2},
      {"\xfd"
       "7zXZ\x00"s,
       Compression::xz},
      {"\xfd"
       "7zXZ1"s,
       Compression::none},
      {""s, Compression::none},
      {"\x1f"s, Compression::none},
      {"\x1f\x8b"s, Compression::none},
      {"\x1f\x8b\x07\x00\x00\x00"s, Compression::none},
      {"\x28\xb5\x2f"s, Compression::none},
      {"etc/pa"s, Compression::none},
      {std::string(6, '\0'), Compression::none},
  };
  for (const auto& [bytes, compression] : cases) {
    EXPECT_EQ(sniff(as_bytes(bytes)), compression) << testing::PrintToString(bytes);
  }
}

TEST(Sniff, NeedsNoMoreThanItSays) {
  EXPECT_EQ(kSniffBytes, 6U);
  EXPECT_EQ(sniff(as_bytes("\xfd"
                           "7zXZ\x00"s)),
            Compression::xz);
}

TEST(PassThrough, ChangesNothing) {
  const std::string bytes = test::noise(5000);
  EXPECT_EQ(decompress(Compression::none, bytes), Outcome{bytes});
  EXPECT_EQ(decompress(Compression::none, ""), Outcome{""});
}

// DEC-c: shown as they are stored, not decompressed.
TEST(Decompressor, RefusesWhatItCannotDecompress) {
  for (const Compression compression : {Compression::bzip2, Compression::xz}) {
    EXPECT_EQ(decompress(compression, "anything").failure, Errc::unsupported);
  }
}

TEST(Decompressor, PassesOnWhatTheSinkThrows) {
  struct Refuser final : ByteSink {
    void write(std::span<const std::byte> /*bytes*/) override { throw std::length_error("full"); }
  } refuser;
  const std::vector<std::pair<Compression, std::string>> cases = {{Compression::none, "hello"},
                                                                  {Compression::gzip, kGzipHello},
                                                                  {Compression::zstd, kZstdHello}};
  for (const auto& [compression, bytes] : cases) {
    const auto decompressor = make_decompressor(compression, refuser);
    // The first bytes of a zstd frame are kept until there are enough of them.
    const auto pass = [&decompressor = decompressor, &bytes = bytes] {
      decompressor->write(as_bytes(bytes));
      decompressor->finish();
    };
    EXPECT_THROW(pass(), std::length_error) << to_string(compression);
  }
}

TEST(Gzip, DecompressesOneMember) {
  EXPECT_EQ(gunzip(kGzipHello), Outcome{"hello"});
  const std::string large = test::noise(700000) + std::string(700000, 'x');
  EXPECT_EQ(gunzip(test::gzip(large)), Outcome{large});
}

TEST(Gzip, DecompressesAMemberOfNoBytes) { EXPECT_EQ(gunzip(test::gzip("")), Outcome{""}); }

// DEC-a, D1.
TEST(Gzip, DecompressesAllMembers) {
  EXPECT_EQ(gunzip(kGzipHello + kGzipHello), Outcome{"hellohello"});
  EXPECT_EQ(gunzip(test::gzip("one ") + test::gzip("") + test::gzip("two")), Outcome{"one two"});
  EXPECT_EQ(gunzip(test::gzip("") + test::gzip("")), Outcome{""});
  // As eStargz has it: a member a file.
  std::string members;
  std::string expected;
  for (std::uint64_t i = 0; i < 300; ++i) {
    const std::string part = test::noise(i, i);
    members += test::gzip(part);
    expected += part;
  }
  EXPECT_EQ(gunzip(members), Outcome{expected});
}

TEST(Gzip, SkipsEveryOptionalHeaderField) {
  // FEXTRA, FNAME, FCOMMENT and FHCRC (RFC 1952, 2.3); the CRC16 is over all before it.
  const std::string header = "\x1f\x8b\x08\x1e\x00\x00\x00\x00\x00\x03"s +
                             "\x04\x00"
                             "ABCD"s +
                             "name\0"s + "comment\0"s;
  const std::string wrong = header + "\x00\x00"s;
  EXPECT_EQ(gunzip(wrong + kDeflatedHello + kHelloCrc + kHelloSize).failure, Errc::corrupt);
  const std::string without_crc = "\x1f\x8b\x08\x1c"s + header.substr(4);
  EXPECT_EQ(gunzip(without_crc + kDeflatedHello + kHelloCrc + kHelloSize), Outcome{"hello"});
}

// D2.
TEST(Gzip, TakesZerosAfterTheLastMemberForPadding) {
  for (const std::size_t zeros : {1U, 2U, 512U, 100000U}) {
    EXPECT_EQ(gunzip(kGzipHello + std::string(zeros, '\0')), Outcome{"hello"}) << zeros;
  }
}

TEST(Gzip, RemarksOnOtherBytesAfterTheLastMember) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"garbage", "7 bytes"},
      {"\x1f"s, "1 bytes"},
      {"\x1f\x1f"s, "2 bytes"},
      {"\x1f\0\0"s, "3 bytes"},
      {"\x1fx\x1f\x8b"s, "4 bytes"},
      {std::string(511, '\0') + "x", "512 bytes"},
      // gzip(1) too ends at the first byte that begins no member.
      {std::string(3, '\0') + kGzipHello, "31 bytes"},
  };
  for (const auto& [after, said] : cases) {
    const Outcome outcome = gunzip(kGzipHello + after);
    EXPECT_EQ(outcome.text, "hello");
    EXPECT_FALSE(outcome.failure);
    EXPECT_EQ(outcome.remark.substr(0, said.size()), said) << testing::PrintToString(after);
  }
}

// D3.
TEST(Gzip, FindsEveryTruncation) {
  const std::string member = test::gzip(std::string(3000, 'x') + test::noise(200));
  for (std::size_t size = 0; size < member.size(); ++size) {
    for (const Make& make : inflaters()) {
      ASSERT_EQ(decompress(make, member.substr(0, size), 100).failure, Errc::corrupt) << size;
    }
  }
  // Beyond the two bytes that may also be garbage, in a later member as well.
  for (std::size_t size = 2; size < member.size(); ++size) {
    for (const Make& make : inflaters()) {
      ASSERT_EQ(decompress(make, kGzipHello + member.substr(0, size), 100).failure, Errc::corrupt)
          << size;
    }
  }
}

// D3.
TEST(Gzip, FindsDamage) {
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"CRC32", kGzipHeader + kDeflatedHello + "\x87\xa6\x10\x36"s + kHelloSize},
      {"ISIZE", kGzipHeader + kDeflatedHello + kHelloCrc + "\x06\x00\x00\x00"s},
      {"content", kGzipHeader + "\x01\x05\x00\xfa\xffhellO"s + kHelloCrc + kHelloSize},
      {"stored length", kGzipHeader + "\x01\x05\x00\xfb\xffhello"s + kHelloCrc + kHelloSize},
      {"block type", kGzipHeader + "\x07"s + kHelloCrc + kHelloSize},
      {"reserved flag", "\x1f\x8b\x08\x20"s + kGzipHello.substr(4)},
      {"method", "\x1f\x8b\x09"s + kGzipHello.substr(3)},
      {"second member", kGzipHello + kGzipHeader + "\x07"s},
  };
  for (const auto& [what, bytes] : cases) {
    EXPECT_EQ(gunzip(bytes).failure, Errc::corrupt) << what;
  }
}

TEST(Zstd, DecompressesOneFrame) {
  EXPECT_EQ(unzstd(kZstdHello), Outcome{"hello"});
  const std::string large = test::noise(700000) + std::string(700000, 'x');
  EXPECT_EQ(unzstd(test::zstd(large)), Outcome{large});
  EXPECT_EQ(unzstd(test::zstd("")), Outcome{""});
}

// DEC-b, D4.
TEST(Zstd, DecompressesAllFrames) {
  EXPECT_EQ(unzstd(kZstdHello + kZstdHello), Outcome{"hellohello"});
  EXPECT_EQ(unzstd(test::zstd("one ") + test::zstd("") + test::zstd("two")), Outcome{"one two"});
}

TEST(Zstd, SkipsSkippableFramesAnywhere) {
  const std::string skipped = test::zstd_skippable(test::noise(300));
  const std::string empty = test::zstd_skippable("", 15);
  EXPECT_EQ(unzstd(skipped + kZstdHello), Outcome{"hello"});
  EXPECT_EQ(unzstd(kZstdHello + skipped + kZstdHello), Outcome{"hellohello"});
  EXPECT_EQ(unzstd(kZstdHello + skipped), Outcome{"hello"}) << "zstd:chunked ends like this";
  EXPECT_EQ(unzstd(empty + empty + kZstdHello + empty), Outcome{"hello"});
  EXPECT_EQ(unzstd(skipped), Outcome{""});
}

TEST(Zstd, NeedsNoContentSize) {
  const std::string large = test::noise(300000);
  EXPECT_EQ(unzstd(test::zstd(large, 0, test::ContentSize::not_given)), Outcome{large});
}

TEST(Zstd, TakesLargeWindows) {
  // A window descriptor of 2^27 bytes, then of 2^31 (RFC 8878, 3.1.1.1.2), and a last raw block.
  for (const char descriptor : {'\x88', '\xa8'}) {
    const std::string frame = "\x28\xb5\x2f\xfd\x00"s + descriptor + "\x29\x00\x00hello"s;
    EXPECT_EQ(decompress(Compression::zstd, frame, 5), Outcome{"hello"});
  }
}

TEST(Zstd, RefusesWindowsBeyondItsLimit) {
  const std::string frame = "\x28\xb5\x2f\xfd\x00\xb0\x29\x00\x00hello"s;  // 2^32
  EXPECT_TRUE(unzstd(frame).failure);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(Zstd, DoesNotTakeMissingMemoryForDamage) {
  const std::string frame = "\x28\xb5\x2f\xfd\x00\xa8\x29\x00\x00hello"s;  // 2^31
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit limit{1U << 30U, 1U << 30U};
    if (::setrlimit(RLIMIT_AS, &limit) != 0) ::_exit(1);
    try {
      static_cast<void>(decompress(Compression::zstd, frame, 5));
    } catch (const std::bad_alloc&) {
      ::_exit(0);
    }
    ::_exit(2);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}
#endif

TEST(Zstd, RefusesAFrameThatNeedsADictionary) {
  EXPECT_TRUE(unzstd("\x28\xb5\x2f\xfd\x21\x07\x05\x29\x00\x00hello"s).failure);
}

TEST(Zstd, TakesZerosAfterTheLastFrameForPadding) {
  for (const std::size_t zeros : {1U, 3U, 4U, 512U}) {
    EXPECT_EQ(unzstd(kZstdHello + std::string(zeros, '\0')), Outcome{"hello"}) << zeros;
  }
}

TEST(Zstd, RemarksOnOtherBytesAfterTheLastFrame) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"x", "1 bytes"},         {"\x28\xb5\x2f"s, "3 bytes"},
      {"garbage", "7 bytes"},   {std::string(600, '\0') + "x", "601 bytes"},
      {kGzipHello, "28 bytes"},
  };
  for (const auto& [after, said] : cases) {
    const Outcome outcome = unzstd(kZstdHello + after);
    EXPECT_EQ(outcome.text, "hello");
    EXPECT_FALSE(outcome.failure);
    EXPECT_EQ(outcome.remark.substr(0, said.size()), said) << testing::PrintToString(after);
  }
}

// D4. `test::zstd` ends a frame with a checksum.
TEST(Zstd, FindsEveryTruncation) {
  const std::string frame = test::zstd(std::string(3000, 'x') + test::noise(200));
  const std::string skippable = test::zstd_skippable("0123456789");
  for (const std::string& whole : {frame, skippable}) {
    for (std::size_t size = 4; size < whole.size(); ++size) {
      for (const std::string& before : {""s, kZstdHello}) {
        ASSERT_EQ(decompress(Compression::zstd, before + whole.substr(0, size), 100).failure,
                  Errc::corrupt)
            << size;
      }
    }
  }
}

TEST(Zstd, FindsDamage) {
  std::string checksum = test::zstd("hello");
  checksum.back() = static_cast<char>(checksum.back() ^ 1);
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"checksum", checksum},
      {"content size", "\x28\xb5\x2f\xfd\x20\x06\x29\x00\x00hello"s},
      {"block type", "\x28\xb5\x2f\xfd\x20\x05\x2f\x00\x00hello"s},
      {"reserved bit", "\x28\xb5\x2f\xfd\x28\x05\x29\x00\x00hello"s},
  };
  for (const auto& [what, bytes] : cases) {
    EXPECT_EQ(unzstd(bytes).failure, Errc::corrupt) << what;
  }
}

// libzstd 1.5.4 takes what follows the first part of a header for the frame when it gets it in two.
TEST(Zstd, FindsDamageInAHeaderThatComesInTwoParts) {
  // A dictionary is asked for, and the content size is the first byte of a skippable frame's magic.
  const std::string header = "\x28\xb5\x2f\xfd\x25\xfa"s;
  const std::string rest = test::zstd_skippable("first", 7) + kZstdHello;
  for (std::size_t first = 1; first <= header.size(); ++first) {
    TextSink sink;
    const auto decompressor = make_decompressor(Compression::zstd, sink);
    EXPECT_THROW(
        {
          decompressor->write(as_bytes(header.substr(0, first)));
          decompressor->write(as_bytes(header.substr(first) + rest));
          decompressor->finish();
        },
        Error)
        << first;
  }
}

}  // namespace
}  // namespace digestfs::archive
