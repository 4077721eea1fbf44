// SPDX-License-Identifier: Apache-2.0
// The tree of a layer as the cache keeps it: read as it was written, or not at all.

#include "fs/tree/kept_tree.h"

#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "archive/tar_reader.h"
#include "base/error.h"
#include "base/file.h"
#include "base/lasting_sum.h"
#include "fs/tree/layer_builder.h"
#include "fs/tree/rootfs_builder.h"
#include "fs/tree/tree_check.h"
#include "tests/support/image_builder.h"
#include "tests/support/tar_builder.h"
#include "tests/support/tree_text.h"

namespace digestfs::fs {
namespace {

using test::tree_text;

constexpr std::string_view kVersionLine = "digestfs tree 1\n";
// The bytes of the program's version, which come next.
constexpr std::size_t kProgramSize = 32;

std::string hex_of(const LastingSum::Value& sum) {
  std::string hex;
  for (const std::byte byte : sum) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += kDigits[std::to_integer<std::size_t>(byte >> 4U)];
    hex += kDigits[std::to_integer<std::size_t>(byte & std::byte{15})];
  }
  return hex;
}

class TextSink final : public ByteSink {
 public:
  void write(std::span<const std::byte> bytes) override { text += as_text(bytes); }
  std::string text;
};

/// A tar that has something of all that a tree keeps.
std::string all_kinds() {
  const std::string plain = test::tar({{.name = "d/", .type = '5', .mode = 0711},
                                       {.name = "d/f", .content = "content"},
                                       {.name = "d/h", .type = '1', .link = "d/f"},
                                       {.name = "d/early", .type = '1', .link = "late"},
                                       {.name = "l", .type = '2', .link = "d/f"},
                                       {.name = "deep/er/f"},
                                       {.name = "late", .content = "late"},
                                       {.name = "broken", .type = '1', .link = "missing"},
                                       {.name = "p", .type = '6'},
                                       {.name = "twice", .content = "1"},
                                       {.name = "twice", .content = "2"},
                                       {.name = "../out"}});
  return plain.substr(0, plain.size() - test::tar_end().size()) +
         test::pax_header({{"SCHILY.xattr.user.a", "value"}, {"SCHILY.xattr.user.b", ""}}) +
         test::tar_file("xattrs") +
         test::pax_header({{"GNU.sparse.size", "100000"},
                           {"GNU.sparse.numblocks", "2"},
                           {"GNU.sparse.map", "10,3,50000,2"}}) +
         test::tar_file("sparse", "abcde") +
         test::pax_header({{"GNU.sparse.size", "10"},
                           {"GNU.sparse.numblocks", "1"},
                           {"GNU.sparse.map", "9,5"}}) +
         test::tar_file("defect", "abcde") + test::tar_end();
}

struct Built {
  explicit Built(const std::string& bytes) : tar(bytes), tree(read(bytes, builder)) {}

  static FileTree read(const std::string& bytes, LayerBuilder& builder) {
    archive::TarReader reader(builder);
    reader.write(as_bytes(bytes));
    reader.finish();
    return builder.finish();
  }
  [[nodiscard]] std::string kept() const {
    TextSink sink;
    write_kept_tree(sink, digest_of(tar), tar.size(), tree, builder.findings());
    return sink.text;
  }

  std::string tar;
  LayerBuilder builder;
  FileTree tree;
};

std::optional<KeptTree> read_back(const std::string& text, const Digest& diff,
                                  std::uint64_t tar_size) {
  const UniqueFd file(::memfd_create("kept", MFD_CLOEXEC));
  write_all(file.get(), as_bytes(text));
  try {
    return read_kept_tree(file.get(), diff, tar_size);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
    return std::nullopt;
  }
}

/// Returns true if reading the file says that it is damaged.
bool is_damaged(const std::string& text, const Digest& diff, std::uint64_t tar_size) {
  const UniqueFd file(::memfd_create("kept", MFD_CLOEXEC));
  write_all(file.get(), as_bytes(text));
  try {
    static_cast<void>(read_kept_tree(file.get(), diff, tar_size));
    return false;
  } catch (const Error&) {
    return true;
  }
}

std::string without_sum(const std::string& text) {
  return text.substr(0, text.size() - LastingSum::kBytes);
}

std::string with_sum(const std::string& text) {
  return text + std::string(as_text(LastingSum::of(as_bytes(text))));
}

void expect_same(const FileTree& a, const FileTree& b) {
  EXPECT_EQ(tree_text(a), tree_text(b));
  ASSERT_EQ(a.files().size(), b.files().size());
  for (FileTree::Index i = 0; i < a.files().size(); ++i) {
    const FileRecord& one = a.file(i);
    const FileRecord& other = b.file(i);
    EXPECT_EQ(one.modified_seconds, other.modified_seconds);
    EXPECT_EQ(one.links, other.links);
    EXPECT_EQ(a.extras(one).xattrs, b.extras(other).xattrs);
    EXPECT_EQ(a.extras(one).sparse, b.extras(other).sparse);
    EXPECT_EQ(a.extras(one).runs, b.extras(other).runs);
    EXPECT_EQ(a.extras(one).defect, b.extras(other).defect);
    EXPECT_EQ(a.extras(one).missing_target, b.extras(other).missing_target);
  }
  ASSERT_EQ(a.early_links().size(), b.early_links().size());
  for (std::size_t i = 0; i < a.early_links().size(); ++i) {
    EXPECT_EQ(a.early_links()[i].directory, b.early_links()[i].directory);
    EXPECT_EQ(a.early_links()[i].name, b.early_links()[i].name);
    EXPECT_EQ(a.early_links()[i].targets, b.early_links()[i].targets);
  }
}

TEST(KeptTree, IsReadAsItWasWritten) {
  const Built built(all_kinds());
  ASSERT_FALSE(built.tree.early_links().empty());
  ASSERT_GE(built.tree.all_extras().size(), 4U);
  ASSERT_GE(built.builder.findings().all().size(), 4U);
  EXPECT_TRUE(is_sound(built.tree, built.tar.size()));
  const std::string text = built.kept();
  const auto kept = read_back(text, digest_of(built.tar), built.tar.size());
  ASSERT_TRUE(kept);
  expect_same(kept->tree, built.tree);
  ASSERT_EQ(kept->findings.all().size(), built.builder.findings().all().size());
  for (std::size_t i = 0; i < kept->findings.all().size(); ++i) {
    EXPECT_EQ(kept->findings.all()[i].path, built.builder.findings().all()[i].path);
    EXPECT_EQ(kept->findings.all()[i].detail, built.builder.findings().all()[i].detail);
  }
  EXPECT_EQ(built.kept(), text) << "it has no bytes of chance in it";
}

TEST(KeptTree, CountsFindingsThatAreNotThereInFull) {
  std::string tar;
  for (int i = 0; i < 1200; ++i) tar += test::tar_file("f");
  const Built built(tar + test::tar_end());
  const auto kept = read_back(built.kept(), digest_of(built.tar), built.tar.size());
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->findings.all().size(), 1000U);
  EXPECT_EQ(kept->findings.omitted(), 199U);
}

TEST(KeptTree, IsOfOneTarAlone) {
  const Built built(test::tar({{.name = "f"}}));
  const std::string text = built.kept();
  EXPECT_TRUE(read_back(text, digest_of(built.tar), built.tar.size()));
  EXPECT_FALSE(read_back(text, digest_of("another"), built.tar.size()));
  EXPECT_FALSE(read_back(text, digest_of(built.tar), built.tar.size() + 512));
}

TEST(KeptTree, B2IsDamagedIfAnyBitOfItsFileIsAnother) {
  const Built built(all_kinds());
  const std::string text = built.kept();
  const Digest diff = digest_of(built.tar);
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = text;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      EXPECT_TRUE(is_damaged(damaged, diff, built.tar.size())) << at << " bit " << bit;
    }
  }
  for (std::size_t at = 0; at < text.size(); at += 7) {
    EXPECT_FALSE(read_back(text.substr(0, at), diff, built.tar.size())) << "cut at " << at;
  }
  EXPECT_FALSE(read_back(text + "x", diff, built.tar.size()));
}

TEST(KeptTree, IsNotDamagedIfAnotherVersionWroteItOrForAnotherTar) {
  const Built built(test::tar({{.name = "f"}}));
  const std::string text = built.kept();
  const Digest diff = digest_of(built.tar);
  EXPECT_FALSE(is_damaged(text, diff, built.tar.size()));
  EXPECT_FALSE(is_damaged(text, diff, built.tar.size() + 512));
  EXPECT_TRUE(is_damaged(text, digest_of("another"), built.tar.size()));
  std::string other_format = without_sum(text);
  other_format[kVersionLine.size() - 2] = '9';
  for (const std::string& other : {other_format, std::string("digestfs tree 12\n")}) {
    EXPECT_FALSE(is_damaged(with_sum(other), diff, built.tar.size())) << other;
    EXPECT_FALSE(read_back(with_sum(other), diff, built.tar.size())) << other;
    EXPECT_TRUE(is_damaged(other, diff, built.tar.size())) << other << " without its sum";
  }
  std::string other_program = without_sum(text);
  other_program[kVersionLine.size()] = 'x';
  EXPECT_FALSE(is_damaged(with_sum(other_program), diff, built.tar.size()));
  EXPECT_FALSE(read_back(with_sum(other_program), diff, built.tar.size()));
  EXPECT_TRUE(is_damaged(other_program + std::string(16, 'x'), diff, built.tar.size()));
  for (const std::size_t at : {std::size_t{0}, text.size() / 2, text.size() - 1}) {
    std::string damaged = text;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x04);
    EXPECT_TRUE(is_damaged(damaged, diff, built.tar.size())) << at;
    EXPECT_TRUE(is_damaged(text.substr(0, at), diff, built.tar.size())) << at;
  }
}

// If this changes, raise kTreeVersion: a later mount must not take a tree that is built otherwise.
TEST(KeptTree, IsWrittenAsItsVersionSays) {
  std::string text = without_sum(Built(all_kinds()).kept());
  text.erase(kVersionLine.size(), kProgramSize);
  EXPECT_EQ(hex_of(LastingSum::of(as_bytes(text))), "f6078d3a46ae3dcf9cfcfb7d319bd503");
}

// Whoever can write to the cache can make a sum that fits.
TEST(KeptTree, IsSoundWhateverItsSumSays) {
  const Built built(all_kinds());
  const std::string text = without_sum(built.kept());
  const Digest diff = digest_of(built.tar);
  std::size_t accepted = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string damaged = text;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      const auto kept = read_back(with_sum(damaged), diff, built.tar.size());
      if (!kept) continue;
      ++accepted;
      EXPECT_TRUE(is_sound(kept->tree, built.tar.size()));
      static_cast<void>(tree_text(kept->tree));
      RootfsBuilder rootfs;
      rootfs.apply(kept->tree);
      rootfs.apply(kept->tree);
      static_cast<void>(tree_text(rootfs.finish(AbsoluteLinks::keep)));
    }
  }
  EXPECT_GT(accepted, 0U) << "a mode, a time or an owner may be any";
}

TEST(FileTree, CountsTheMemoryOfAllThatItKeeps) {
  const FileTree plain({FileRecord{}}, {}, "", {});
  FileExtras extras;
  extras.xattrs["user.a"] = std::string(10'000, 'x');
  extras.runs.resize(1000);
  EarlyLink link;
  link.targets.assign(1000, std::string(100, 'x'));
  const FileTree tree({FileRecord{}}, {}, "", {extras}, {link});
  EXPECT_GT(tree.bytes(), plain.bytes() + 10'000 + 16'000 + 100'000);
}

TEST(KeptTree, IsNoneOfWhatIsNoTree) {
  using Name = FileTree::Name;
  const auto is_sound_tree = [](std::vector<FileRecord> files, std::vector<Name> names,
                                std::string texts) {
    return is_sound(FileTree(std::move(files), std::move(names), std::move(texts), {}), 10'000);
  };
  const auto directory = [](std::uint64_t where, std::uint64_t size, std::uint32_t links) {
    FileRecord record;
    record.where = where;
    record.size = size;
    record.links = links;
    return record;
  };
  FileRecord file;
  file.type = FileType::file;
  file.links = 1;
  file.size = 1000;
  file.where = 9000;
  EXPECT_TRUE(is_sound_tree({directory(0, 0, 2)}, {}, ""));
  EXPECT_FALSE(is_sound_tree({}, {}, ""));
  EXPECT_FALSE(is_sound_tree({file}, {}, "")) << "the root is a directory";
  EXPECT_TRUE(is_sound_tree({directory(0, 1, 2), file}, {{0, 1, 1}}, "f"));
  EXPECT_FALSE(is_sound_tree({directory(0, 1, 2), file}, {{0, 1, 1}, {0, 1, 1}}, "f"))
      << "a name that is in no directory";
  EXPECT_FALSE(is_sound_tree({directory(1, 1, 2), file}, {{0, 1, 1}, {0, 1, 1}}, "f"));
  FileRecord beyond = file;
  beyond.where = 9001;
  EXPECT_FALSE(is_sound_tree({directory(0, 1, 2), beyond}, {{0, 1, 1}}, "f")) << "beyond the tar";
  beyond.where = UINT64_MAX;
  EXPECT_FALSE(is_sound_tree({directory(0, 1, 2), beyond}, {{0, 1, 1}}, "f"));
  EXPECT_FALSE(is_sound_tree({directory(0, 0, 2), file}, {}, "")) << "a file without a name";
  EXPECT_FALSE(is_sound_tree({directory(0, 2, 2), file}, {{0, 1, 1}}, "f")) << "too few names";
  EXPECT_FALSE(is_sound_tree({directory(UINT64_MAX, 2, 2), file}, {{0, 1, 1}}, "f"));
  EXPECT_FALSE(is_sound_tree({directory(0, 1, 2), file}, {{0, 2, 1}}, "f")) << "too few texts";
  EXPECT_FALSE(is_sound_tree({directory(0, 1, 2), file}, {{0, 1, 2}}, "f")) << "no such file";
  for (const char* name : {"/", "."}) {
    EXPECT_FALSE(is_sound_tree({directory(0, 1, 2), file}, {{0, 1, 1}}, name)) << name;
  }
  EXPECT_FALSE(is_sound_tree({directory(0, 1, 2), file}, {{0, 2, 1}}, "..")) << "..";
  // A directory in itself, one with two names, and two that are each in the other.
  EXPECT_TRUE(is_sound_tree({directory(0, 1, 3), directory(1, 0, 2)}, {{0, 1, 1}}, "d"));
  EXPECT_FALSE(is_sound_tree({directory(0, 1, 3)}, {{0, 1, 0}}, "d"));
  EXPECT_FALSE(is_sound_tree({directory(0, 1, 3), directory(0, 1, 3)}, {{0, 1, 1}}, "d"));
  EXPECT_FALSE(
      is_sound_tree({directory(0, 2, 4), directory(2, 0, 2)}, {{0, 1, 1}, {1, 1, 1}}, "de"));
  EXPECT_FALSE(is_sound_tree({directory(0, 0, 2), directory(0, 1, 3), directory(1, 1, 3)},
                             {{0, 1, 2}, {0, 1, 1}}, "d"));
  // Names out of order, and a file that a directory may not come after.
  FileRecord twice = file;
  twice.links = 2;
  EXPECT_TRUE(is_sound_tree({directory(0, 2, 2), twice}, {{0, 1, 1}, {1, 1, 1}}, "ab"));
  EXPECT_FALSE(is_sound_tree({directory(0, 2, 2), twice}, {{1, 1, 1}, {0, 1, 1}}, "ab"));
  EXPECT_FALSE(is_sound_tree({directory(0, 2, 2), twice}, {{0, 1, 1}, {0, 1, 1}}, "ab"));
  EXPECT_FALSE(is_sound_tree({directory(0, 2, 2), file}, {{0, 1, 1}, {1, 1, 1}}, "ab")) << "links";
  EXPECT_FALSE(
      is_sound_tree({directory(0, 2, 3), file, directory(2, 0, 2)}, {{0, 1, 1}, {1, 1, 2}}, "ab"));
}

}  // namespace
}  // namespace digestfs::fs
