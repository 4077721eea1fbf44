// SPDX-License-Identifier: Apache-2.0
#include "fs/tree/built_trees.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "tests/cache/content_fixture.h"

namespace digestfs::fs {
namespace {

class BuiltTreesTest : public testing::Test {
 protected:
  BuiltTreesTest() {
    for (const auto& layer : image_.layers) {
      const std::string& bytes = set_.objects().at(layer.digest).bytes;
      static_cast<void>(source_.add_object(registry::Endpoint::blobs, bytes));
      mount_.content.meet(layer.digest, registry::Endpoint::blobs, layer.size);
    }
    for (std::size_t i = 0; i < image_.layers.size(); ++i) {
      mount_.content.meet_diff(image_.diff_ids[i], image_.layers[i].digest);
    }
  }

  /// How often the first layer is fetched if it is entered after the rootfs, when nothing is left
  /// of it but what `most_spare` bytes of memory hold.
  std::size_t fetches(std::size_t most_spare) {
    BuiltTrees trees(mount_.content, mount_.problems, inodes_, mount_.workers, AbsoluteLinks::keep,
                     most_spare);
    const auto patience = Patience::unlimited();
    test::landed([&] { return &trees.rootfs("rootfs", image_.diff_ids, patience); });
    std::filesystem::remove_all(cache_);
    const FileNodes* files =
        test::landed([&] { return &trees.layer(image_.diff_ids[0], patience); });
    EXPECT_EQ(trees.known_layer(image_.diff_ids[0]), files);
    return source_.fetches(image_.layers[0].digest);
  }

  test::TemporaryDirectory directory_;
  std::filesystem::path cache_ = directory_.path() / "cache";
  test::ObjectSet set_;
  test::Image image_ =
      test::add_image(set_, {test::gzip_layer({{"a", "x"}}), test::gzip_layer({{"b", "y"}})});
  test::MemorySource source_;
  cache::Mount mount_{cache_, source_};
  Inodes inodes_;
};

TEST_F(BuiltTreesTest, KeepTheTreesOfLayersThatWentIntoARootfs) {
  EXPECT_EQ(fetches(BuiltTrees::kMaxSpareBytes), 1U);
}

// What a registry makes up without end must not make memory grow without end.
TEST_F(BuiltTreesTest, DropTheTreesThatNoNodeShowsBeyondTheirBound) { EXPECT_EQ(fetches(0), 2U); }

}  // namespace
}  // namespace digestfs::fs
