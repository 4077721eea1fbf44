// SPDX-License-Identifier: Apache-2.0
#include "fs/fuse/mount_table.h"

#include <gtest/gtest.h>

namespace digestfs::fs {
namespace {

constexpr const char* kTable =
    "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
    "40 22 0:33 / /mnt/a\\040b rw,nosuid,nodev - fuse.digestfs oci:x rw,user_id=0\n"
    "41 22 0:34 / /mnt/twice rw - tmpfs none rw\n"
    "42 22 0:35 / /mnt/twice rw - fuse.digestfs alpine rw\n";

TEST(MountTable, FindsTheDeviceOfAMountpoint) {
  EXPECT_EQ(find_device(kTable, "/"), "254:0");
  EXPECT_EQ(find_device(kTable, "/mnt/none"), std::nullopt);
}

TEST(MountTable, ReadsEscapedNames) { EXPECT_EQ(find_device(kTable, "/mnt/a b"), "0:33"); }

TEST(MountTable, TakesTheNewestOfMountsOnOneAnother) {
  EXPECT_EQ(find_device(kTable, "/mnt/twice"), "0:35");
}

TEST(MountTable, KnowsWhatIsMountedHere) {
  MountTable root("/");
  EXPECT_GE(root.fd(), 0);
  EXPECT_TRUE(root.is_mounted());
}

TEST(MountTable, WatchesNothingThatIsNotThere) {
  MountTable nothing("/nowhere/at/all");
  EXPECT_EQ(nothing.fd(), -1);
  EXPECT_TRUE(nothing.is_mounted());
}

}  // namespace
}  // namespace digestfs::fs
