// SPDX-License-Identifier: Apache-2.0
// Layers merged: what each stack of them shows (image-spec layer.md, "Applying Changesets").

#include "fs/tree/rootfs_builder.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "fs/tree/layer_builder.h"
#include "tests/support/tree_text.h"

namespace digestfs::fs {
namespace {

using archive::TarEntry;
using archive::TarType;
using test::tree_text;
using Lines = std::vector<std::string>;

/// An entry as a line: `x` a file, `d/` a directory, `l -> t` a link, `h => t` a hard link.
TarEntry entry(const std::string& line, std::uint64_t offset) {
  TarEntry made;
  made.type = TarType::file;
  made.flag = '0';
  made.mode = 0644;
  made.offset = offset;
  made.name = line;
  if (const auto at = line.find(" => "); at != std::string::npos) {
    made.type = TarType::hardlink;
    made.flag = '1';
    made.name = line.substr(0, at);
    made.link = line.substr(at + 4);
  } else if (const auto arrow = line.find(" -> "); arrow != std::string::npos) {
    made.type = TarType::symlink;
    made.flag = '2';
    made.name = line.substr(0, arrow);
    made.link = line.substr(arrow + 4);
  } else if (line.ends_with('/')) {
    made.type = TarType::directory;
    made.flag = '5';
    made.mode = 0700;
  }
  return made;
}

/// A layer of these entries. Its files have their content at `number`, which tells whose they are.
FileTree layer(const Lines& lines, std::uint64_t number) {
  LayerBuilder builder;
  for (const std::string& line : lines) builder.take(entry(line, number));
  return builder.finish();
}

struct Merged {
  Lines lines;  ///< without the root; a file is `number name`, a directory `name/`
  Lines found;  ///< the paths of the findings
};

/// What a line of `tree_text` says in short.
std::string in_short(const std::string& line) {
  const std::string path = line.substr(line.rfind(' ') + 1);
  switch (line[0]) {
    case 'd':
    case '(':
      return path + "/";
    case 'f':
      return line.substr(line.find('@') + 1);
    default:
      return line;
  }
}

Merged merge(const std::vector<Lines>& layers, AbsoluteLinks links = AbsoluteLinks::keep) {
  RootfsBuilder builder;
  std::uint64_t number = 0;
  for (const Lines& lines : layers) builder.apply(layer(lines, ++number));
  Merged merged;
  const FileTree tree = builder.finish(links);
  for (const std::string& line : tree_text(tree)) merged.lines.push_back(in_short(line));
  merged.lines.erase(merged.lines.begin());
  for (const Finding& finding : builder.findings().all()) merged.found.push_back(finding.path);
  return merged;
}

struct Case {
  std::string what;
  std::vector<Lines> layers;
  Lines lines;
  std::size_t found = 0;
};

void check(const std::vector<Case>& cases) {
  for (const Case& it : cases) {
    const Merged merged = merge(it.layers);
    EXPECT_EQ(merged.lines, it.lines) << it.what;
    EXPECT_EQ(merged.found.size(), it.found) << it.what;
  }
}

TEST(RootfsBuilder, PutsLayersOnTopOfEachOther) {  // WH-8, WH-9
  check({
      {"nothing", {}, {}},
      {"one", {{"d/", "d/x", "l -> x"}}, {"d/", "1 d/x", "l l -> x"}},
      {"two", {{"a", "b"}, {"b", "c"}}, {"1 a", "2 b", "2 c"}},
      {"directories merge", {{"d/", "d/a"}, {"d/", "d/b"}}, {"d/", "1 d/a", "2 d/b"}},
      {"file over directory", {{"d/", "d/a"}, {"d"}}, {"2 d"}},
      {"directory over file", {{"d"}, {"d/", "d/a"}}, {"d/", "2 d/a"}},
      {"link over directory", {{"d/a"}, {"d -> e"}}, {"l d -> e"}},
      {"directory over link", {{"e/a", "d -> e"}, {"d/", "d/b"}}, {"d/", "2 d/b", "e/", "1 e/a"}},
  });
}

TEST(RootfsBuilder, T9HidesWhatIsWhitedOut) {  // WH-1, WH-5, WH-6
  check({
      {"a file", {{"a", "b"}, {".wh.a"}}, {"1 b"}},
      {"a directory", {{"d/", "d/a"}, {".wh.d"}}, {}},
      {"below", {{"d/", "d/a", "d/b"}, {"d/.wh.a"}}, {"d/", "1 d/b"}},
      {"and back again", {{"a"}, {".wh.a"}, {"a"}}, {"3 a"}},
      {"what is not there", {{"a"}, {".wh.b", "c/.wh.d"}}, {"1 a"}},
      {"not in its own layer, before", {{"a"}, {".wh.a", "a"}}, {"2 a"}},
      {"not in its own layer, after", {{"a"}, {"a", ".wh.a"}}, {"2 a"}},
      {"a directory that comes anew", {{"d/old"}, {".wh.d", "d/", "d/new"}}, {"d/", "2 d/new"}},
      {"and is only implied", {{"d/old"}, {"d/new", ".wh.d"}}, {"d/", "2 d/new"}},
      {"below a parent that is hidden",
       {{"d/a", "d/b"}, {".wh.d", "d/.wh.a", "d/c"}},
       {"d/", "2 d/c"}},
      {"as a directory", {{"a"}, {".wh.a/"}}, {}},
      {"but not by what is in a directory of such a name", {{"a"}, {".wh.a/x"}}, {"1 a"}},
      {"with nothing but whiteouts below", {{"d/a"}, {".wh.d", "d/.wh.a", "d/e/.wh.f"}}, {}},
      {"of the longest name",
       {{std::string(255, 'n'), "a"}, {".wh." + std::string(255, 'n')}},
       {"1 a"}},
      {"as a link", {{"a"}, {".wh.a -> b"}}, {}},
      {"as a hard link to nothing", {{"a"}, {".wh.a => b"}}, {}},
      {"a name that begins like one", {{".what"}, {"a"}}, {"1 .what", "2 a"}},
  });
}

TEST(RootfsBuilder, RefusesWhiteoutsOfNoName) {  // WH-2
  for (const std::string marker : {".wh.", ".wh..", ".wh..."}) {
    const Merged merged = merge({{"d/a"}, {"d/" + marker}});
    EXPECT_EQ(merged.lines, (Lines{"d/", "1 d/a"})) << marker;
    EXPECT_EQ(merged.found, Lines{"d/" + marker});
  }
}

TEST(RootfsBuilder, T10EmptiesOpaqueDirectories) {  // WH-3
  const Lines lower{"d/", "d/a", "d/e/b", "f"};
  check({
      {"first", {lower, {"d/.wh..wh..opq", "d/n"}}, {"d/", "2 d/n", "1 f"}},
      {"last", {lower, {"d/", "d/n", "d/.wh..wh..opq"}}, {"d/", "2 d/n", "1 f"}},
      {"twice", {lower, {"d/.wh..wh..opq", "d/n", "d/.wh..wh..opq"}}, {"d/", "2 d/n", "1 f"}},
      {"with implied directories",
       {lower, {"d/x/y/n", "d/.wh..wh..opq"}},
       {"d/", "d/x/", "d/x/y/", "2 d/x/y/n", "1 f"}},
      {"the root", {lower, {".wh..wh..opq", "n"}}, {"2 n"}},
      {"one that is a file below",
       {lower, {"f/.wh..wh..opq", "f/n"}},
       {"d/", "1 d/a", "d/e/", "1 d/e/b", "f/", "2 f/n"},
       1},
      {"one that is not there", {{"f"}, {"d/.wh..wh..opq"}}, {"d/", "1 f"}},
      {"only below", {lower, {"d/e/.wh..wh..opq"}}, {"d/", "1 d/a", "d/e/", "1 f"}},
  });
}

TEST(RootfsBuilder, TakesNoNoticeOfWhatOtherSystemsMark) {  // WH-4, TAR-10
  EXPECT_EQ(merge({{"foo", ".wh.x"}, {".wh..wh.aufs", ".wh..wh.orph/", ".wh..wh.plnk/1.2"}}).lines,
            Lines{"1 foo"});
  LayerBuilder builder;
  TarEntry opaque = entry("d/", 2);
  opaque.xattrs = {{"trusted.overlay.opaque", "y"}, {"user.overlay.opaque", "y"}};
  builder.take(opaque);
  RootfsBuilder rootfs;
  rootfs.apply(layer({"d/a"}, 1));
  rootfs.apply(builder.finish());
  const FileTree tree = rootfs.finish(AbsoluteLinks::keep);
  const auto d = tree.find(FileTree::kRoot, "d");
  ASSERT_TRUE(d);
  EXPECT_TRUE(tree.find(*d, "a"));
  EXPECT_EQ(tree.extras(tree.file(*d)).xattrs.size(), 2U);
}

TEST(RootfsBuilder, T6FollowsParentsThatAreLinksBelow) {  // PATH-4, WH-7
  std::vector<Lines> chain{{"d/", "l0 -> d"}};
  for (int i = 1; i < 41; ++i) {
    chain[0].push_back("l" + std::to_string(i) + " -> l" + std::to_string(i - 1));
  }
  chain.push_back({"l40/x"});
  EXPECT_EQ(merge(chain).lines[1], "2 d/x");
  check({
      {"into it",
       {{"usr/lib/a", "lib -> /usr/lib"}, {"lib/x"}},
       {"l lib -> /usr/lib", "usr/", "usr/lib/", "1 usr/lib/a", "2 usr/lib/x"}},
      {"whiteouts too",
       {{"usr/lib/a", "lib -> usr/lib"}, {"lib/.wh.a"}},
       {"l lib -> usr/lib", "usr/", "usr/lib/"}},
      {"opaque too",
       {{"usr/lib/a", "lib -> usr/lib"}, {"lib/.wh..wh..opq", "lib/x"}},
       {"l lib -> usr/lib", "usr/", "usr/lib/", "2 usr/lib/x"}},
      {"to what is not there",
       {{"lib -> usr/lib"}, {"lib/x"}},
       {"l lib -> usr/lib", "usr/", "usr/lib/", "2 usr/lib/x"}},
      {"through a link that this layer changes",
       {{"lib -> opt/lib", "opt/lib/a"}, {"opt -> srv", "lib/x"}},
       {"l lib -> opt/lib", "l opt -> srv", "srv/", "srv/lib/", "2 srv/lib/x"}},
      {"up and out", {{"a -> ../../.."}, {"a/x"}}, {"l a -> ../../..", "2 x"}},
      {"in a loop",
       {{"l -> l", "m -> n", "n -> m"}, {"l/x", "m/x", "y"}},
       {"l l -> l", "l m -> n", "l n -> m", "2 y"},
       2},
      {"a link that is hidden is not followed",
       {{"d/a", "l -> d"}, {".wh.l", "l/x"}},
       {"d/", "1 d/a", "l/", "2 l/x"}},
      {"to a file, which gives way", {{"f", "l -> f"}, {"l/x"}}, {"f/", "2 f/x", "l l -> f"}, 1},
      {"a file gives way", {{"f"}, {"f/x"}}, {"f/", "2 f/x"}, 1},
  });
}

TEST(RootfsBuilder, SaysWhereABrokenHardLinkIs) {
  EXPECT_EQ(merge({{"x"}, {"d/e/b => a"}}).found, Lines{"d/e/b"});
}

TEST(RootfsBuilder, T7KeepsHardLinksOverLayers) {  // HL-1, HL-4, T8
  check({
      {"in one layer", {{"a", "b => a"}}, {"1 a", "= b a"}},
      {"to a lower layer", {{"a"}, {"b => a"}}, {"1 a", "= b a"}},
      {"absolute, through a link",
       {{"d/a", "l -> d"}, {"b => /l/a"}},
       {"1 b", "d/", "= d/a b", "l l -> d"}},
      {"to what this layer hides", {{"a"}, {".wh.a", "b => a"}}, {"1 b"}},
      {"to what this layer replaces, before it does",
       {{"a"}, {"c", "b => a", ".wh.a"}},
       {"1 b", "2 c"}},
      // umoci and GNU tar, layer by layer, link to what is there when the link comes.
      {"to what this layer replaces after the link", {{"a"}, {"b => a", "a"}}, {"2 a", "1 b"}},
      {"the same through a link before it",
       {{"a"}, {"b => a", "c => b", "a"}},
       {"2 a", "1 b", "= c b"}},
      {"the same through a link after it",
       {{"a"}, {"c => b", "b => a", "a"}},
       {"2 a", "1 b", "= c b"}},
      {"to a lower layer of several", {{"a"}, {"a"}, {"b => a", "a"}}, {"3 a", "2 b"}},
      {"the same in a directory", {{"d/a"}, {"d/", "d/b => d/a", "d/a"}}, {"d/", "2 d/a", "1 d/b"}},
      {"to what comes after it and no lower layer has",
       {{"x"}, {"b => a", "a"}},
       {"2 a", "= b a", "1 x"}},
      {"and the next layer takes the name", {{"a"}, {"b => a", "a"}, {"b"}}, {"2 a", "3 b"}},
      {"one name is replaced", {{"a", "b => a"}, {"a"}}, {"2 a", "1 b"}},
      {"one name is hidden", {{"a", "b => a"}, {".wh.a"}}, {"1 b"}},
      {"to what this layer replaces, by a link below",
       {{"usr/lib/a", "lib -> usr/lib"}, {"usr/lib/a", "b => lib/a"}},
       {"2 b", "l lib -> usr/lib", "usr/", "usr/lib/", "= usr/lib/a b"}},
      {"to what is there only by a link below",
       {{"lib -> usr/lib"}, {"usr/lib/a", "lib/x", "b => lib/a"}},
       {"2 b", "l lib -> usr/lib", "usr/", "usr/lib/", "= usr/lib/a b", "2 usr/lib/x"}},
      {"to nothing", {{"x"}, {"b => a"}}, {"! b", "1 x"}, 1},
      {"to a directory", {{"d/"}, {"b => d"}}, {"! b", "d/"}, 1},
      {"still to nothing further up", {{"b => a"}, {"a"}}, {"2 a", "! b"}, 1},
      {"into aufs's folder of a lower layer",
       {{".wh..wh.plnk/1", "a => .wh..wh.plnk/1"}, {"b => .wh..wh.plnk/1"}},
       {"1 a", "= b a"}},
      {"into aufs's folder of the uppermost that has it",
       {{".wh..wh.plnk/1"}, {".wh..wh.plnk/1"}, {"b => .wh..wh.plnk/1"}},
       {"2 b"}},
      {"into aufs's own folder", {{".wh..wh.plnk/1", "b => .wh..wh.plnk/1"}}, {"1 b"}},
  });
}

FileTree with_directory(std::int64_t mode, std::map<std::string, std::string> xattrs,
                        Timestamp modified) {
  LayerBuilder builder;
  TarEntry d = entry("d/", 0);
  d.mode = mode;
  d.uid = mode;
  d.xattrs = std::move(xattrs);
  d.modified = modified;
  builder.take(d);
  builder.take(entry("d/x", 0));
  return builder.finish();
}

TEST(RootfsBuilder, T12ReplacesADirectorysAttributesAsAWhole) {  // WH-8, PATH-3
  const FileTree lower = with_directory(02755, {{"user.a", "1"}}, {5, 7});
  const auto top = [&](const FileTree& upper) {
    RootfsBuilder builder;
    builder.apply(lower);
    builder.apply(upper);
    FileTree tree = builder.finish(AbsoluteLinks::keep);
    const FileRecord record = tree.file(*tree.find(FileTree::kRoot, "d"));
    return std::pair(record, tree.extras(record).xattrs);
  };
  const auto [kept, kept_xattrs] = top(layer({"d/y"}, 2));
  EXPECT_EQ(kept.mode, 02755);
  EXPECT_EQ(kept.modified(), (Timestamp{5, 7}));
  EXPECT_EQ(kept.layer, 0U);
  EXPECT_EQ(kept_xattrs.size(), 1U);
  const auto [replaced, xattrs] = top(with_directory(0711, {}, {9, 0}));
  EXPECT_EQ(replaced.mode, 0711);
  EXPECT_EQ(replaced.uid, 0711U);
  EXPECT_EQ(replaced.modified(), (Timestamp{9, 0}));
  EXPECT_EQ(replaced.layer, 1U);
  EXPECT_TRUE(xattrs.empty());
  const auto [other, other_xattrs] = top(with_directory(0711, {{"user.b", "2"}}, {9, 0}));
  EXPECT_EQ(other_xattrs, (std::map<std::string, std::string>{{"user.b", "2"}}));
}

TEST(RootfsBuilder, TellsWhichLayerAFileComesFrom) {
  RootfsBuilder builder;
  builder.apply(layer({"a", "d/b"}, 1));
  builder.apply(layer({"c", "e => a", "d/f -> b"}, 2));
  const FileTree tree = builder.finish(AbsoluteLinks::keep);
  const auto layer_of = [&](const char* name) {
    return tree.file(*tree.find(FileTree::kRoot, name)).layer;
  };
  EXPECT_EQ(layer_of("a"), 0U);
  EXPECT_EQ(layer_of("d"), 0U);
  EXPECT_EQ(layer_of("c"), 1U);
  EXPECT_EQ(layer_of("e"), 0U);
}

TEST(RootfsBuilder, MakesAbsoluteLinksRelativeOnRequest) {
  const Lines lines{"a -> /x/y", "d/e/b -> //x", "d/c -> x", "r -> /",
                    "d/r -> /",  "h -> /x",      "d/h => h", "g => h"};
  EXPECT_EQ(
      merge({{"a -> /../../x", "d/a -> /./.././x/../y", "d/r -> /.."}}, AbsoluteLinks::transform)
          .lines,
      (Lines{"l a -> x", "d/", "l d/a -> ../x/../y", "l d/r -> ../"}));
  // `..` is not taken out of the text alone, and does not lead out of the tree.
  EXPECT_EQ(
      merge({{"usr/lib/x", "lib -> usr/lib", "a/", "s -> /lib/../share/x", "t -> /a/../../x",
              "u -> /lib/../../../x", "d/v -> /a/../../no/../x", "w -> /", "y -> /w/../x"}},
            AbsoluteLinks::transform)
          .lines,
      (Lines{"a/", "d/", "l d/v -> ../no/../x", "l lib -> usr/lib", "l s -> usr/share/x",
             "l t -> x", "l u -> x", "usr/", "usr/lib/", "1 usr/lib/x", "l w -> .", "l y -> x"}));
  EXPECT_EQ(merge({lines}).lines,
            (Lines{"l a -> /x/y", "d/", "l d/c -> x", "d/e/", "l d/e/b -> //x", "l d/h -> /x",
                   "l d/r -> /", "= g d/h", "= h d/h", "l r -> /"}));
  EXPECT_EQ(merge({lines}, AbsoluteLinks::transform).lines,
            (Lines{"l a -> x/y", "d/", "l d/c -> x", "d/e/", "l d/e/b -> ../../x", "l d/h -> ../x",
                   "l d/r -> ../", "l g -> x", "= h g", "l r -> ."}));
}

TEST(RootfsBuilder, BoundsWhatAnImageCosts) {  // TAR-11
  RootfsBuilder builder({.files = 5});
  builder.apply(layer({"a", "b"}, 1));
  EXPECT_THROW(builder.apply(layer({"c", "d", "e"}, 2)), Error);
}

}  // namespace
}  // namespace digestfs::fs
