// SPDX-License-Identifier: Apache-2.0
#include "tools/mount_options.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace digestfs::tools {
namespace {

TEST(MountOptions, AreSplitAtCommasThatAreNotEscaped) {
  EXPECT_EQ(split_mount_options("a\\,b,,c\\\\,d"), (std::vector<std::string>{"a,b", "c\\", "d"}));
}

// `nodiratime` in fstab once was refused. These are the options that mount(8) describes for all
// file systems, and what it writes itself.
TEST(MountOptions, KnowEveryGenericOptionOfMount) {
  for (const char* option : {"async",
                             "atime",
                             "auto",
                             "noauto",
                             "defaults",
                             "dev",
                             "nodev",
                             "diratime",
                             "nodiratime",
                             "exec",
                             "group",
                             "iversion",
                             "noiversion",
                             "mand",
                             "nomand",
                             "_netdev",
                             "nofail",
                             "relatime",
                             "norelatime",
                             "strictatime",
                             "nostrictatime",
                             "lazytime",
                             "nolazytime",
                             "suid",
                             "nosuid",
                             "silent",
                             "loud",
                             "owner",
                             "ro",
                             "rw",
                             "user",
                             "nouser",
                             "users",
                             "X-mount.mkdir",
                             "X-mount.mkdir=0755",
                             "x-gvfs-show",
                             "x-systemd.automount",
                             "x-systemd.device-timeout=5",
                             "comment=anything",
                             "user=me",
                             "uhelper=udisks2",
                             "nosymfollow",
                             "private",
                             "rshared"}) {
    EXPECT_EQ(kind_of(option), MountOption::ignored) << option;
  }
  for (const char* option :
       {"noatime", "noexec", "sync", "dirsync", "allow_other", "allow_root", "auto_unmount",
        "default_permissions", "context=system_u:object_r:tmp_t:s0", "rootcontext=x"}) {
    EXPECT_EQ(kind_of(option), MountOption::handed_on) << option;
  }
  for (const char* option : {"cache-size=5G", "offline", "debug", "tls-verify=no"}) {
    EXPECT_EQ(kind_of(option), MountOption::ours) << option;
  }
  for (const char* option : {"cache_size=5G", "allow_other=1", "noatime=1", "context", "uid=0"}) {
    EXPECT_EQ(kind_of(option), MountOption::unknown) << option;
  }
}

}  // namespace
}  // namespace digestfs::tools
