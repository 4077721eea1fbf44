// SPDX-License-Identifier: Apache-2.0
// What is an entry and what is content, as Go's archive/tar has it (reference 13.1). Every tar is
// read whole and in pieces, with one outcome.

#include "archive/tar_reader.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "tests/support/tar_builder.h"

namespace digestfs::archive {
namespace {

using test::gnu_long;
using test::padded;
using test::pax_header;
using test::tar_end;
using test::tar_file;
using test::TarBlockBuilder;
using namespace std::string_literals;

using Lines = std::vector<std::string>;

/// Writes entries down: `flag name -> link size@offset`, and what else is out of the ordinary.
class Listing final : public TarSink {
 public:
  void take(TarEntry entry) override {
    std::string line = str_cat(entry.flag, " ", entry.name);
    if (!entry.link.empty()) line += str_cat(" -> ", entry.link);
    line += str_cat(" ", entry.size, "@", entry.offset);
    if (entry.sparse) {
      line += " runs";
      for (const SparseRun& run : entry.runs) line += str_cat(" ", run.offset, "+", run.length);
    }
    if (!entry.defect.empty()) line += " DEFECT";
    lines.push_back(std::move(line));
    last = std::move(entry);
  }

  Lines lines;
  TarEntry last;
};

constexpr std::string_view kError = "ERROR ";

std::string error_line(const Error& error) {
  return str_cat(kError, to_string(error.code()), ": ", error.what());
}

/// The lines of a tar read in pieces of `piece` bytes; an error is the last.
Lines read_in_pieces(std::string_view tar, std::size_t piece) {
  Listing listing;
  TarReader reader(listing);
  try {
    while (!tar.empty()) {
      const auto part = tar.substr(0, piece);
      reader.write(as_bytes(part));
      tar.remove_prefix(part.size());
    }
    reader.finish();
  } catch (const Error& error) {
    listing.lines.push_back(error_line(error));
  }
  return listing.lines;
}

/// The same, passing over all content that may be passed over.
Lines read_headers(std::string_view tar) {
  Listing listing;
  TarReader reader(listing);
  try {
    while (!tar.empty()) {
      const auto skipped =
          static_cast<std::size_t>(std::min<std::uint64_t>(reader.skippable(), tar.size()));
      reader.skip(skipped);
      tar.remove_prefix(skipped);
      const auto part = tar.substr(0, 512);
      reader.write(as_bytes(part));
      tar.remove_prefix(part.size());
    }
    reader.finish();
  } catch (const Error& error) {
    listing.lines.push_back(error_line(error));
  }
  return listing.lines;
}

Lines read(const std::string& tar) {
  Lines whole = read_in_pieces(tar, tar.size() + 1);
  for (const std::size_t piece : {1U, 7U, 511U, 512U, 513U, 4096U}) {
    EXPECT_EQ(read_in_pieces(tar, piece), whole) << "in pieces of " << piece;
  }
  EXPECT_EQ(read_headers(tar), whole) << "with its content passed over";
  // Where an error was found must be the same as well, but is not what the cases are about.
  if (!whole.empty() && whole.back().starts_with(kError)) {
    whole.back().erase(whole.back().find(':'));
  }
  return whole;
}

TarEntry only_entry(const std::string& tar) {
  Listing listing;
  TarReader reader(listing);
  reader.write(as_bytes(tar));
  reader.finish();
  EXPECT_EQ(listing.lines.size(), 1U);
  return listing.last;
}

const std::string kEvil = tar_file("evil", "x");
const std::string kNext = tar_file("next");
const Lines kCorrupt{"ERROR corrupt"};

struct Case {
  std::string what;
  std::string tar;
  Lines expected;
};

void check(const std::vector<Case>& cases) {
  for (const Case& it : cases) EXPECT_EQ(read(it.tar), it.expected) << it.what;
}

Lines with_error(Lines lines) {
  lines.emplace_back("ERROR corrupt");
  return lines;
}

TEST(TarReader, T1TakesNamesFromWhereverTheyStand) {  // TAR-4
  const auto of = [](std::size_t size) { return std::string(size, 'n'); };
  const std::string full = of(155) + "/" + of(100);
  check({
      {"100 bytes", tar_file(of(100)), {"0 " + of(100) + " 0@512"}},
      {"prefix", TarBlockBuilder(of(100)).prefix(of(155)).block(), {"0 " + full + " 0@512"}},
      {"v7 has no prefix", TarBlockBuilder("a").v7().prefix("p").block(), {"0 a 0@512"}},
      {"GNU with times", TarBlockBuilder("a").gnu().put(345, "00000000001").block(), {"0 a 0@512"}},
      {"GNU with ASCII", TarBlockBuilder("a").gnu().prefix("pre").block(), {"0 pre/a 0@512"}},
      {"star",
       TarBlockBuilder("a").prefix(of(131)).put(508, "tar\0"s).block(),
       {"0 " + of(131) + "/a 0@512"}},
      {"L", gnu_long('L', of(4000)) + tar_file("a"), {"0 " + of(4000) + " 0@5120"}},
      {"K",
       gnu_long('K', of(300)) + TarBlockBuilder("a", '2').link("b").block(),
       {"2 a -> " + of(300) + " 0@1536"}},
      {"path",
       pax_header({{"path", of(256)}, {"linkpath", of(101)}}) +
           TarBlockBuilder("a", '1').link("b").block(),
       {"1 " + of(256) + " -> " + of(101) + " 0@1536"}},
      {"L over path",
       pax_header({{"path", "p"}}) + gnu_long('L', "long") + tar_file("a"),
       {"0 long 0@2560"}},
      {"L over path, turned round",
       gnu_long('L', "long") + pax_header({{"path", "p"}}) + tar_file("a"),
       {"0 long 0@2560"}},
      {"L with a NUL inside", gnu_long('L', "lo\0ng"s) + tar_file("a"), {"0 lo 0@1536"}},
      {"empty name", tar_file(""), {"0  0@512"}},
      {"empty path", pax_header({{"path", ""}}) + tar_file("a"), {"0 a 0@1536"}},
      {"bytes", tar_file("\xe9\n \\:"), {"0 \xe9\n \\: 0@512"}},  // T13
  });
}

TEST(TarReader, T2FindsTheNextHeaderWhereGoDoes) {  // TAR-5, TAR-8, 13.1
  const std::string inner = padded(kEvil);          // 1024 bytes
  const std::string dir = TarBlockBuilder("d", '5', 5).block();
  check({
      {"size of pax over 0: what looks like a header is content",
       pax_header({{"size", "1024"}}) + TarBlockBuilder("a").block() + inner + kNext,
       {"0 a 1024@1536", "0 next 0@3072"}},
      {"size of pax over another",
       pax_header({{"size", "1"}}) + TarBlockBuilder("a", '0', 1024).block() + padded("x") + kNext,
       {"0 a 1@1536", "0 next 0@2560"}},
      {"size of pax is not that of an L",
       pax_header({{"size", "1024"}}) + gnu_long('L', "long") + TarBlockBuilder("a").block() +
           inner + kNext,
       {"0 long 1024@2560", "0 next 0@4096"}},
      {"a second x replaces the first",
       pax_header({{"size", "1024"}}) + pax_header({{"path", "p2"}}) +
           TarBlockBuilder("a").block() + inner,
       {"0 p2 0@2560", "0 evil 1@3072"}},
      {"g forgets x",
       pax_header({{"path", "p"}}) + pax_header({{"comment", "c"}}, 'g') + tar_file("a"),
       {"0 a 0@2560"}},
      {"a g of numbers that are none",
       pax_header({{"size", "five"}, {"mtime", "now"}}, 'g') + tar_file("a"),
       {"0 a 0@1536"}},
      {"g forgets L",
       gnu_long('L', "long") + pax_header({{"path", "p"}}, 'g') + tar_file("a"),
       {"0 a 0@2560"}},
      {"a directory with a size has no content", dir + kNext, {"5 d 0@512", "0 next 0@1024"}},
      {"nor if there is some", dir + padded("12345"), with_error({"5 d 0@512"})},
      {"nor a hard link whose size pax gives",
       pax_header({{"size", "5"}}) + TarBlockBuilder("h", '1').link("a").block() + padded("12345"),
       with_error({"1 h -> a 0@1536"})},
      {"size with a plus",
       pax_header({{"size", "+5"}}) + TarBlockBuilder("a").block() + padded("12345"),
       {"0 a 5@1536"}},
      {"the last of a key",
       pax_header({{"size", "9"}, {"size", "0"}}) + tar_file("a"),
       {"0 a 0@1536"}},
      {"a slash makes a directory of type NUL",
       TarBlockBuilder("d/", '\0').block(),
       {"5 d/ 0@512"}},
      {"and of no other", TarBlockBuilder("d/", '0').block(), {"0 d/ 0@512"}},
      {"other types have content",
       TarBlockBuilder("v", 'V', 3).block() + padded("abc") + TarBlockBuilder("z", 'Z', 1).block() +
           padded("x") + TarBlockBuilder("c", '7', 1).block() + padded("x") + kNext,
       {"V v 3@512", "Z z 1@1536", "7 c 1@2560", "0 next 0@3584"}},  // T16, TAR-7
  });
}

TEST(TarReader, T4EndsWhereGoDoes) {  // TAR-1, TAR-2
  const std::string zero(512, '\0');
  const std::string file = tar_file("a", "x");
  const Lines a{"0 a 1@512"};
  check({
      {"nothing", "", {}},
      {"two zero blocks", file + tar_end(), a},
      {"what follows does not count", file + tar_end() + "rubbish" + kEvil, a},
      {"one zero block", file + zero, a},
      {"no zero block", file, a},
      {"no padding", TarBlockBuilder("a", '0', 1).block() + "x", a},
      {"half the padding", TarBlockBuilder("a", '0', 1).block() + std::string(100, 'x'), a},
      {"a dangling x", file + pax_header({{"path", "p"}}), a},
      {"a zero block in the middle", file + zero + kNext, with_error(a)},
      {"a zero block and a part of one", file + zero + std::string(100, '\0'), with_error(a)},
      {"a part of a header", file + std::string(100, 'x'), with_error(a)},
      {"short content", TarBlockBuilder("a", '0', 9).block() + "x", with_error({"0 a 9@512"})},
      {"a dangling x without its padding",
       file + TarBlockBuilder("x", 'x', 9).block() + "9 path=p\n", a},
      {"a dangling x that is no sequence of records, without its padding",
       file + TarBlockBuilder("x", 'x', 9).block() + "8 path=p\n", with_error(a)},
      {"a short x", pax_header({{"path", "p"}}).substr(0, 520), kCorrupt},
      {"a wrong checksum", file + TarBlockBuilder("b").broken(), with_error(a)},
      {"no tar at all", std::string(512, 'x'), kCorrupt},
  });
}

TEST(TarReader, RefusesHeadersThatGoRefuses) {  // TAR-3, TAR-5, 13.1
  const std::string file = tar_file("a");
  check({
      {"negative size", TarBlockBuilder("a").base256(124, 12, -1).block(), kCorrupt},
      {"negative size of pax", pax_header({{"size", "-1"}}) + file, kCorrupt},
      {"a size that is none", pax_header({{"size", "5.0"}}) + file, kCorrupt},
      {"an owner that is none", pax_header({{"uid", "root"}}) + file, kCorrupt},
      {"a time that is none", pax_header({{"mtime", "now"}}) + file, kCorrupt},
      {"octal that is none", TarBlockBuilder("a").put(108, "00x0000").block(), kCorrupt},
      {"base 256 of too many bits",
       TarBlockBuilder("a").put(124, "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"s).block(),
       kCorrupt},
      {"a NUL in a path", pax_header({{"path", "a\0b"s}}) + file, kCorrupt},
      {"a record of wrong length",
       TarBlockBuilder("x", 'x', 8).block() + padded("9 a=b\n\n\n") + file, kCorrupt},
  });
  // T17: bounded, whatever the header promises.
  for (const char type : {'x', 'g', 'L', 'K'}) {
    const std::string huge = TarBlockBuilder("x", type, (1U << 20U) + 1).block();
    EXPECT_EQ(read(huge), Lines{"ERROR too-large"}) << type;
  }
  EXPECT_EQ(read(gnu_long('L', std::string((1U << 20U) - 1, 'n')) + file).size(), 1U);
}

TEST(TarReader, T3ReadsNumbersInEitherBase) {  // TAR-3, TAR-6
  const TarEntry large = only_entry(TarBlockBuilder("a", '5')
                                        .base256(108, 8, std::int64_t{1} << 40)
                                        .base256(116, 8, -2)
                                        .base256(136, 12, -86400)
                                        .put(100, " 4755 \0"s)
                                        .block());
  EXPECT_EQ(large.uid, std::int64_t{1} << 40);
  EXPECT_EQ(large.gid, -2);
  EXPECT_EQ(large.modified, (Timestamp{-86400, 0}));
  EXPECT_EQ(large.mode, 04755);
  const TarEntry pax = only_entry(
      pax_header({{"uid", "4294967296"}, {"gid", "7"}, {"mtime", "-1.5"}, {"atime", "5"}}) +
      tar_file("a"));
  EXPECT_EQ(pax.uid, 4294967296);
  EXPECT_EQ(pax.gid, 7);
  EXPECT_EQ(pax.modified, (Timestamp{-2, 500000000}));
  const TarEntry device = only_entry(
      TarBlockBuilder("d", '3').base256(329, 8, -1).base256(337, 8, std::int64_t{1} << 33).block());
  EXPECT_EQ(device.type, TarType::character_device);
  EXPECT_EQ(device.device_major, -1);
  EXPECT_EQ(device.device_minor, std::int64_t{1} << 33);
  const TarEntry empty =
      only_entry(TarBlockBuilder("a", '5').put(108, std::string(8, '\0')).block());
  EXPECT_EQ(empty.uid, 0);
  // More than octal can say; the content is 8 GiB and a byte.
  Listing listing;
  TarReader reader(listing);
  reader.write(
      as_bytes(TarBlockBuilder("big").base256(124, 12, (std::int64_t{8} << 30) + 1).block()));
  EXPECT_EQ(listing.lines, Lines{"0 big 8589934593@512"});
  EXPECT_EQ(reader.skippable(), 8589934593U);
}

TEST(TarReader, AcceptsAChecksumOfSignedBytes) {  // TAR-1
  std::string block = TarBlockBuilder("\xe9\xe9").block();
  int sum = 0;
  block.replace(148, 8, "        ");
  for (const char c : block) sum += static_cast<signed char>(c);
  char digits[8];
  std::snprintf(digits, sizeof digits, "%06o", static_cast<unsigned>(sum));
  block.replace(148, 7, std::string(digits, 7));
  EXPECT_EQ(read(block), Lines{"0 \xe9\xe9 0@512"});
}

/// An entry of an old GNU sparse map.
std::string run(std::uint64_t offset, std::uint64_t length) {
  char text[25];
  std::snprintf(text, sizeof text, "%011llo %011llo ", static_cast<unsigned long long>(offset),
                static_cast<unsigned long long>(length));
  return text;
}

std::string octal12(std::uint64_t value) {
  char text[13];
  std::snprintf(text, sizeof text, "%011llo", static_cast<unsigned long long>(value));
  return text;
}

TEST(TarReader, T14ReadsSparseFilesOfOldGnu) {  // TAR-9
  const auto header = [](std::uint64_t stored, std::uint64_t real) {
    return TarBlockBuilder("s", 'S', stored).gnu().put(483, octal12(real));
  };
  std::string extension;
  for (std::uint64_t i = 4; i < 25; ++i) extension += run(i * 1024, 1);
  std::string last = run(std::uint64_t{25} * 1024, 1);
  last.resize(512, '\0');
  std::string many = header(26, 1 << 20)
                         .put(386, run(0, 1) + run(1024, 1) + run(2048, 1) + run(3072, 1))
                         .put(482, "\1")
                         .block();
  extension += "\1"s;
  extension.resize(512, '\0');
  many += extension + last + padded(std::string(26, 'x')) + kNext;
  const Lines lines = read(many);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_TRUE(lines[0].starts_with("S s 1048576@1536 runs 0+1 1024+1 2048+1")) << lines[0];
  EXPECT_TRUE(lines[0].ends_with("24576+1 25600+1")) << lines[0];
  EXPECT_EQ(lines[1], "0 next 0@2560");

  check({
      {"a hole of 1 EiB",
       header(1, 0).base256(483, 12, std::int64_t{1} << 60).put(386, run(0, 1)).block() +
           padded("x"),
       {"S s 1152921504606846976@512 runs 0+1"}},
      {"no map at all but content",
       header(5, 5).block() + padded("12345") + kNext,
       {"S s 5@512 runs DEFECT", "0 next 0@1536"}},
      {"runs that overlap",
       header(8, 100).put(386, run(0, 5) + run(3, 3)).block() + padded("12345678") + kNext,
       {"S s 100@512 runs 0+5 3+3 DEFECT", "0 next 0@1536"}},
      {"a run beyond the end",
       header(5, 4).put(386, run(0, 5)).block() + padded("12345") + kNext,
       {"S s 4@512 runs 0+5 DEFECT", "0 next 0@1536"}},
      {"not GNU", TarBlockBuilder("s", 'S', 0).block(), kCorrupt},
      {"a map that breaks off", header(1, 9).put(386, run(0, 1)).put(482, "\1").block(), kCorrupt},
      {"a number that is none", header(0, 9).put(386, "xxxxxxxxxxx").block(), kCorrupt},
  });
}

TEST(TarReader, T14ReadsSparseFilesOfPax) {  // TAR-9
  const auto file = [](std::uint64_t stored) {
    return TarBlockBuilder("GNUSparseFile.1/s", '0', stored).block();
  };
  const std::string map10 = padded("2\n0\n3\n1000\n2\n");
  const std::vector<std::pair<std::string, std::string>> version10{{"GNU.sparse.major", "1"},
                                                                   {"GNU.sparse.minor", "0"},
                                                                   {"GNU.sparse.name", "s"},
                                                                   {"GNU.sparse.realsize", "2000"}};
  check({
      {"0.0",
       pax_header({{"GNU.sparse.size", "2000"},
                   {"GNU.sparse.numblocks", "2"},
                   {"GNU.sparse.offset", "0"},
                   {"GNU.sparse.numbytes", "3"},
                   {"GNU.sparse.offset", "1000"},
                   {"GNU.sparse.numbytes", "2"}}) +
           file(5) + padded("abcde") + kNext,
       {"0 GNUSparseFile.1/s 2000@1536 runs 0+3 1000+2", "0 next 0@2560"}},
      {"0.1",
       pax_header({{"GNU.sparse.size", "2000"},
                   {"GNU.sparse.name", "s"},
                   {"GNU.sparse.numblocks", "2"},
                   {"GNU.sparse.map", "0,3,1000,2"}}) +
           file(5) + padded("abcde") + kNext,
       {"0 s 2000@1536 runs 0+3 1000+2", "0 next 0@2560"}},
      {"1.0",
       pax_header(version10) + file(517) + map10 + padded("abcde") + kNext,
       {"0 s 2000@2048 runs 0+3 1000+2", "0 next 0@3072"}},
      {"1.0 without runs",
       pax_header(version10) + file(512) + padded("0\n") + kNext,
       {"0 s 2000@2048 runs", "0 next 0@2560"}},
      {"1.0 without a map",
       pax_header(version10) + file(0) + kNext,
       {"0 s 2000@1536 runs DEFECT", "0 next 0@2048"}},
      {"1.0 with a map of letters",
       pax_header(version10) + file(512) + padded("x\n") + kNext,
       {"0 s 2000@1536 runs DEFECT", "0 next 0@2560"}},
      {"1.0 with a map without end",
       pax_header(version10) + file(512) + padded("9\n1\n") + kNext,
       {"0 s 2000@1536 runs DEFECT", "0 next 0@2560"}},
      {"a comma too many",
       pax_header(
           {{"GNU.sparse.size", "9"}, {"GNU.sparse.numblocks", "1"}, {"GNU.sparse.map", "0,3,"}}) +
           file(3) + padded("abc") + kNext,
       {"0 GNUSparseFile.1/s 9@1536 runs DEFECT", "0 next 0@2560"}},
      {"more numbers than runs",
       pax_header({{"GNU.sparse.size", "9"},
                   {"GNU.sparse.numblocks", "1"},
                   {"GNU.sparse.map", "0,3,1000,2"}}) +
           file(5) + padded("abcde") + kNext,
       {"0 GNUSparseFile.1/s 9@1536 runs DEFECT", "0 next 0@2560"}},
      {"a version nobody knows is a file like any other",
       pax_header({{"GNU.sparse.major", "2"}, {"GNU.sparse.minor", "0"}}) + file(1) + padded("x"),
       {"0 GNUSparseFile.1/s 1@1536"}},
  });
}

TEST(TarReader, T15TakesExtendedAttributesInBothSpellings) {  // TAR-10
  const TarEntry entry = only_entry(pax_header({
                                        {"SCHILY.xattr.user.raw", "a\0\xff="s},
                                        {"SCHILY.xattr.user.both", "schily"},
                                        {"LIBARCHIVE.xattr.user.both", "bGliYXJjaGl2ZQ"},
                                        {"LIBARCHIVE.xattr.user.a%20b%3D", "AAH/"},
                                        {"LIBARCHIVE.xattr.user.bad", "*"},
                                        {"LIBARCHIVE.xattr.user.%zz", "AA"},
                                        {"SCHILY.xattr.user.empty", ""},
                                        {"SCHILY.xattr.trusted.overlay.opaque", "y"},
                                    }) +
                                    tar_file("a"));
  EXPECT_EQ(entry.xattrs, (std::map<std::string, std::string>{{"user.raw", "a\0\xff="s},
                                                              {"user.both", "schily"},
                                                              {"user.a b=", "\0\1\xff"s},
                                                              {"trusted.overlay.opaque", "y"}}));
}

TEST(TarReader, PassesAnErrorOfItsSinkOn) {
  class Failing final : public TarSink {
    void take(TarEntry /*entry*/) override { throw Error(Errc::too_large, "enough"); }
  };
  Failing sink;
  TarReader reader(sink);
  EXPECT_THROW(reader.write(as_bytes(tar_file("a"))), Error);
}

}  // namespace
}  // namespace digestfs::archive
