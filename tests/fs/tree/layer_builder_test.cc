// SPDX-License-Identifier: Apache-2.0
// The tree of one layer: what each sequence of entries shows, and what is found.

#include "fs/tree/layer_builder.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/support/tree_text.h"

namespace digestfs::fs {
namespace {

using archive::TarEntry;
using archive::TarType;
using test::tree_text;
using namespace std::string_literals;
using Lines = std::vector<std::string>;

TarEntry entry(char flag, const std::string& name) {
  TarEntry entry;
  entry.flag = flag;
  entry.name = name;
  entry.mode = 0644;
  return entry;
}

/// A file whose content is at `offset`, which tells it from others.
TarEntry file(const std::string& name, std::uint64_t offset = 1) {
  TarEntry made = entry('0', name);
  made.type = TarType::file;
  made.offset = offset;
  return made;
}

TarEntry directory(const std::string& name, std::int64_t mode = 0700) {
  TarEntry made = entry('5', name);
  made.type = TarType::directory;
  made.mode = mode;
  return made;
}

TarEntry symlink(const std::string& name, const std::string& target) {
  TarEntry made = entry('2', name);
  made.type = TarType::symlink;
  made.link = target;
  return made;
}

TarEntry hardlink(const std::string& name, const std::string& target) {
  TarEntry made = entry('1', name);
  made.type = TarType::hardlink;
  made.link = target;
  return made;
}

TarEntry device(const std::string& name, std::int64_t major, std::int64_t minor, char flag = '3') {
  TarEntry made = entry(flag, name);
  made.type = flag == '3' ? TarType::character_device : TarType::block_device;
  made.device_major = major;
  made.device_minor = minor;
  return made;
}

struct Built {
  Lines lines;  ///< without the root
  Lines found;  ///< the paths of the findings
};

Built build(const std::vector<TarEntry>& entries, const FileTreeBuilder::Limits& limits = {}) {
  LayerBuilder builder(limits);
  for (const TarEntry& one : entries) builder.take(one);
  const FileTree tree = builder.finish();
  Built built{tree_text(tree), {}};
  built.lines.erase(built.lines.begin());
  for (const Finding& finding : builder.findings().all()) built.found.push_back(finding.path);
  return built;
}

struct Case {
  std::string what;
  std::vector<TarEntry> entries;
  Lines lines;
  Lines found = {};
};

void check(const std::vector<Case>& cases) {
  for (const Case& it : cases) {
    const Built built = build(it.entries);
    EXPECT_EQ(built.lines, it.lines) << it.what;
    EXPECT_EQ(built.found, it.found) << it.what;
  }
}

TEST(LayerBuilder, T5KeepsPathsInsideTheRoot) {  // PATH-1, PATH-2
  const std::string x = "f 0644 0:0 0@1 x";
  check({
      {"absolute", {file("/x")}, {x}},
      {"relative", {file("./x")}, {x}},
      {"slashes", {file("d//x")}, {"(d 0755 0:0 d", "f 0644 0:0 0@1 d/x"}},
      {"dots", {file("d/./x")}, {"(d 0755 0:0 d", "f 0644 0:0 0@1 d/x"}},
      {"there and back", {file("d/../x")}, {x}},
      {"out of it", {file("../../x")}, {x}, {"../../x"}},
      {"out of it in the middle", {file("d/../../x")}, {x}, {"d/../../x"}},
      {"to nothing", {file("")}, {}, {""}},
      {"the root as a file", {file("./"), file("/"), file("d/..")}, {}, {"./", "/", "d/.."}},
      {"bytes",
       {file("\xe9\n \\:"), file("A"), file("a"), file("a ")},
       {"f 0644 0:0 0@1 A", "f 0644 0:0 0@1 a", "f 0644 0:0 0@1 a ",
        "f 0644 0:0 0@1 \\xe9\\x0a \\\\:"}},  // T13
      {"255 bytes", {file(std::string(255, 'n'))}, {"f 0644 0:0 0@1 " + std::string(255, 'n')}},
      {"a NUL", {file("a\0b"s), file("x")}, {x}, {"a\\x00b"}},
      {"256 bytes", {file(std::string(256, 'n')), file("x")}, {x}, {std::string(256, 'n')}},
      {"256 bytes of a parent",
       {file(std::string(256, 'n') + "/x")},
       {},
       {std::string(256, 'n') + "/x"}},
  });
  LayerBuilder root;
  root.take(directory("./", 01777));
  EXPECT_EQ(tree_text(root.finish()), Lines{"d 1777 0:0 ."});
}

TEST(LayerBuilder, MakesParentsThatAreMissing) {  // PATH-3
  check({
      {"implied", {file("a/b/x")}, {"(d 0755 0:0 a", "(d 0755 0:0 a/b", "f 0644 0:0 0@1 a/b/x"}},
      {"and told later", {file("a/x"), directory("a")}, {"d 0700 0:0 a", "f 0644 0:0 0@1 a/x"}},
      {"a file gives way",
       {file("a", 7), file("a/x")},
       {"(d 0755 0:0 a", "f 0644 0:0 0@1 a/x"},
       {"a/x"}},
  });
}

TEST(LayerBuilder, T6FollowsParentsThatAreLinks) {  // PATH-4
  std::vector<TarEntry> chain{symlink("l0", "d"), directory("d")};
  for (int i = 1; i < 41; ++i) {
    chain.push_back(symlink("l" + std::to_string(i), "l" + std::to_string(i - 1)));
  }
  chain.push_back(file("l40/x"));
  const Built chained = build(chain);
  EXPECT_EQ(chained.lines[1], "f 0644 0:0 0@1 d/x");
  EXPECT_TRUE(chained.found.empty());
  check({
      {"to a directory",
       {directory("usr"), symlink("lib", "usr"), file("lib/x")},
       {"l lib -> usr", "d 0700 0:0 usr", "f 0644 0:0 0@1 usr/x"}},
      {"to what is not there",
       {symlink("lib", "/usr/lib"), file("lib/x")},
       {"l lib -> /usr/lib", "(d 0755 0:0 usr", "(d 0755 0:0 usr/lib", "f 0644 0:0 0@1 usr/lib/x"}},
      {"up and out",
       {symlink("a", "../../.."), file("a/x")},
       {"l a -> ../../..", "f 0644 0:0 0@1 x"}},
      {"relative to where it is",
       {symlink("d/l", "../e"), file("d/l/x")},
       {"(d 0755 0:0 d", "l d/l -> ../e", "(d 0755 0:0 e", "f 0644 0:0 0@1 e/x"}},
      {"in a loop",
       {symlink("l", "l"), file("l/x"), file("y")},
       {"l l -> l", "f 0644 0:0 0@1 y"},
       {"l/x"}},
      {"the last component is not followed",
       {symlink("a", "b"), file("a")},
       {"f 0644 0:0 0@1 a"},
       {"a"}},
      {"nor replaced by a directory's attributes",
       {symlink("a", "b"), directory("a"), file("a/x")},
       {"d 0700 0:0 a", "f 0644 0:0 0@1 a/x"},
       {"a"}},
  });
}

TEST(LayerBuilder, T7LinksWhatIsLinked) {  // HL-1 to HL-3
  const std::string a = "f 0644 0:0 0@1 a";
  check({
      {"backward", {file("a"), hardlink("b", "a")}, {a, "= b a"}},
      {"absolute", {file("a"), hardlink("b", "/a")}, {a, "= b a"}},
      {"out of the root", {file("a"), hardlink("b", "../a")}, {a, "= b a"}},
      {"through a link",
       {file("d/a"), symlink("l", "d"), hardlink("b", "l/a")},
       {"f 0644 0:0 0@1 b", "(d 0755 0:0 d", "= d/a b", "l l -> d"}},
      {"to a link", {symlink("l", "a"), hardlink("b", "l")}, {"l b -> a", "= l b"}},
      {"to a whiteout",
       {file(".wh.x"), hardlink("b", ".wh.x")},
       {"f 0644 0:0 0@1 .wh.x", "= b .wh.x"}},
      {"what is replaced stays under its other name",
       {file("a"), hardlink("b", "a"), file("a", 2)},
       {"f 0644 0:0 0@2 a", "f 0644 0:0 0@1 b"},
       {"a"}},
      {"in place of another", {file("a"), file("b", 2), hardlink("b", "a")}, {a, "= b a"}, {"b"}},
      {"forward", {hardlink("b", "a"), file("a")}, {a, "= b a"}, {"b"}},
      {"forward twice",
       {hardlink("c", "b"), hardlink("b", "a"), file("a")},
       {a, "= b a", "= c a"},
       {"c", "b"}},
      {"forward by two names",
       {hardlink("b", "a"), hardlink("c", "b"), file("a")},
       {a, "= b a", "= c a"},
       {"b", "c"}},
      {"missing", {hardlink("d/b", "a")}, {"(d 0755 0:0 d", "! d/b"}, {"d/b"}},
      {"a target that no link can have",
       {symlink("l", ""), symlink("m", std::string(4096, 'x'))},
       {},
       {"l", "m"}},
      {"missing twice", {hardlink("b", "a"), hardlink("c", "b")}, {"! b", "= c b"}, {"b", "c"}},
      {"in a circle", {hardlink("a", "b"), hardlink("b", "a")}, {"! a", "= b a"}, {"a", "b"}},
      {"to itself", {hardlink("a", "a")}, {"! a"}, {"a"}},
      {"to itself that is there", {file("a"), hardlink("a", "a")}, {a}},
      {"to a directory", {directory("d"), hardlink("b", "d")}, {"d 0700 0:0 d"}, {"b"}},
      {"to a directory that comes",
       {hardlink("b", "d"), directory("d")},
       {"! b", "d 0700 0:0 d"},
       {"b"}},
      {"to the root", {hardlink("b", "/")}, {}, {"b"}},
      {"and replaced before the end", {hardlink("b", "a"), file("b")}, {"f 0644 0:0 0@1 b"}, {"b"}},
      {"of more than a path", {hardlink("b", std::string(4096, 'a')), file("a")}, {a}, {"b"}},
  });
}

TEST(LayerBuilder, CountsTheNamesOfAFile) {  // HL-3
  LayerBuilder builder;
  builder.take(file("a"));
  builder.take(hardlink("b", "a"));
  builder.take(hardlink("d/c", "b"));
  builder.take(file("b", 2));
  builder.take(directory("d/e"));
  const FileTree tree = builder.finish();
  EXPECT_EQ(tree.file(*tree.find(FileTree::kRoot, "a")).links, 2U);
  EXPECT_EQ(tree.file(*tree.find(FileTree::kRoot, "b")).links, 1U);
  EXPECT_EQ(tree.file(*tree.find(FileTree::kRoot, "d")).links, 3U);
  EXPECT_EQ(tree.file(FileTree::kRoot).links, 3U);
}

TEST(LayerBuilder, T11LetsTheLastOfANameWin) {  // PATH-5
  check({
      {"file, file", {file("a", 1), file("a", 2)}, {"f 0644 0:0 0@2 a"}, {"a"}},
      {"directory, file", {file("a/x"), file("a", 2)}, {"f 0644 0:0 0@2 a"}, {"a"}},
      {"file, directory", {file("a"), directory("a")}, {"d 0700 0:0 a"}, {"a"}},
      {"directory, directory",
       {directory("a"), file("a/x"), directory("a", 0711)},
       {"d 0711 0:0 a", "f 0644 0:0 0@1 a/x"}},
      {"spelled otherwise", {file("a", 1), file("./a", 2)}, {"f 0644 0:0 0@2 a"}, {"./a"}},
      {"whiteouts are files",
       {file(".wh.a"), file("a"), file("d/.wh..wh..opq")},
       {"f 0644 0:0 0@1 .wh.a", "f 0644 0:0 0@1 a", "(d 0755 0:0 d",
        "f 0644 0:0 0@1 d/.wh..wh..opq"}},
  });
}

TEST(LayerBuilder, T16ShowsDevicesAndReportsWhatIsNoFile) {  // TAR-7, DEV-1
  TarEntry fifo = entry('6', "p");
  fifo.type = TarType::fifo;
  TarEntry contiguous = file("7");
  contiguous.flag = '7';
  TarEntry sparse = file("S");
  sparse.flag = 'S';
  check({
      {"devices",
       {device("c", 1, 3), device("b", 8, 1, '4'), fifo},
       {"b 0644 0:0 8,1 b", "c 0644 0:0 1,3 c", "p 0644 0:0 p"}},
      {"0:0", {device("c", 0, 0)}, {"c 0644 0:0 0,0 c"}, {"c"}},
      {"numbers that are none",
       {device("a", -1, 0), device("b", 0, -1), device("c", std::int64_t{1} << 33, 0),
        device("d", 1, 1 << 20), file("x")},
       {"f 0644 0:0 0@1 x"},
       {"a", "b", "c", "d"}},
      {"what runtimes refuse",
       {contiguous, sparse},
       {"f 0644 0:0 0@1 7", "f 0644 0:0 0@1 S"},
       {"7", "S"}},
      {"what is no file",
       {entry('V', "v"), entry('M', "m"), entry('D', "d"), entry('X', "x"), entry('Z', "z")},
       {},
       {"v", "m", "d", "x", "z"}},
  });
}

TEST(LayerBuilder, KeepsWhiteoutsOfWhateverType) {  // WH-1
  TarEntry odd = entry('V', "d/.wh.a");
  odd.size = 5;
  check(
      {{"whiteouts",
        {directory("d"), odd, device(".wh.b", -1, 0), device(".wh.c", 1, 3), hardlink(".wh.d", "d"),
         symlink(".wh.e", "x"), symlink(".wh.f", ""), symlink(".wh.g", std::string(4096, 'x'))},
        {"f 0644 0:0 0@0 .wh.b", "c 0644 0:0 1,3 .wh.c", "f 0644 0:0 0@0 .wh.d", "l .wh.e -> x",
         "f 0644 0:0 0@0 .wh.f", "f 0644 0:0 0@0 .wh.g", "d 0700 0:0 d",
         "f 0644 0:0 0@0 d/.wh.a"}}});
}

TEST(LayerBuilder, ShowsNoOwnerThatIsNone) {  // TAR-3
  TarEntry last = file("a");
  last.uid = 4294967295;
  TarEntry over = file("b");
  over.uid = 4294967296;
  over.gid = -1;
  check(
      {{"owners", {last, over}, {"f 0644 4294967295:0 0@1 a", "f 0644 65534:65534 0@1 b"}, {"b"}}});
}

TEST(LayerBuilder, T15KeepsExtendedAttributesWithinTheKernelsLimits) {  // TAR-10, TAR-11
  TarEntry good = file("a");
  good.xattrs = {{"user.raw", "a\0\xff"s},
                 {"user.large", std::string(64 << 10, 'x')},
                 {"trusted.overlay.opaque", "y"}};
  TarEntry bad = file("b");
  bad.xattrs = {{"", "x"},
                {"user.\0"s, "x"},
                {"user." + std::string(251, 'n'), "x"},
                {"user." + std::string(70'000, 'a'), "x"},
                {"user.z", "kept"},
                {"user.large", std::string((64 << 10) + 1, 'x')}};
  TarEntry many = file("c");
  for (int i = 0; i < 1100; ++i) many.xattrs["user." + std::to_string(i)] = "x";
  LayerBuilder builder;
  builder.take(good);
  builder.take(bad);
  builder.take(many);
  const FileTree tree = builder.finish();
  const auto xattrs = [&](const char* name) {
    return tree.extras(tree.file(*tree.find(FileTree::kRoot, name))).xattrs;
  };
  EXPECT_EQ(xattrs("a"), good.xattrs);
  EXPECT_EQ(xattrs("b"), (std::map<std::string, std::string>{{"user.z", "kept"}}));
  EXPECT_EQ(xattrs("c").size(), 1000U);
  EXPECT_EQ(builder.findings().all().size(), 105U);
}

TEST(LayerBuilder, T17CountsWhatItDoesNotList) {
  LayerBuilder builder;
  for (int i = 0; i < 1003; ++i) builder.take(entry('V', std::to_string(i)));
  static_cast<void>(builder.finish());
  EXPECT_EQ(builder.findings().all().size(), 1000U);
  EXPECT_EQ(builder.findings().all().back().path, "999");
  EXPECT_EQ(builder.findings().omitted(), 3U);
}

TEST(LayerBuilder, T17BoundsWhatALayerCosts) {  // TAR-11
  const auto failure = [](const std::vector<TarEntry>& entries,
                          const FileTreeBuilder::Limits& limits) {
    try {
      static_cast<void>(build(entries, limits));
    } catch (const Error& error) {
      return error.code();
    }
    return Errc::interrupted;
  };
  EXPECT_EQ(build({file("a"), file("b")}, {.files = 3}).lines.size(), 2U);
  EXPECT_EQ(failure({file("a"), file("b"), file("c")}, {.files = 3}), Errc::too_large);
  EXPECT_EQ(failure({file("a/b/c")}, {.files = 3}), Errc::too_large);
  TarEntry large = file("a");
  large.xattrs = {{"user.x", std::string(1000, 'x')}};
  EXPECT_EQ(failure({large}, {.bytes = 1000}), Errc::too_large);
  EXPECT_EQ(failure({symlink("a", "x"), symlink("b", std::string(1000, 'x'))}, {.bytes = 1000}),
            Errc::too_large);
  // What a finding quotes is cut.
  EXPECT_LE(build({symlink(std::string(8000, '\xff') + "x", "")}).found.front().size(), 4096U);
  // Links that lead through each other again and again.
  std::vector<TarEntry> links{directory("d")};
  for (int i = 0; i < 100; ++i) {
    links.push_back(symlink("l" + std::to_string(i), i == 0 ? "d" : "l" + std::to_string(i - 1)));
  }
  links.push_back(file("l99/x"));
  EXPECT_EQ(failure(links, {.link_steps = 50}), Errc::too_large);
  // 5,000 levels are 10,000 bytes of path, more than the kernel takes.
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "d/";
  EXPECT_EQ(build({file(deep + "x"), file("y")}).lines, Lines{"f 0644 0:0 0@1 y"});
  // Findings of a hostile layer are bounded, too.
  std::vector<TarEntry> odd(5000, entry('V', "v"));
  EXPECT_EQ(build(odd).found.size(), 1000U);
}

}  // namespace
}  // namespace digestfs::fs
