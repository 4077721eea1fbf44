// SPDX-License-Identifier: Apache-2.0
#include "registry/local/containers/store_location.h"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "registry/local/containers/storage_conf.h"
#include "tests/registry/local/containers/stored_layer.h"
#include "tests/support/mounted.h"

namespace digestfs::registry {
namespace {

namespace fs = std::filesystem;
using Paths = std::vector<fs::path>;

TEST(StoreSpelling, IsThatOfSkopeo) {
  const auto plain = StoreSpelling::parse("localhost/demo:v1");
  EXPECT_FALSE(plain.location);
  EXPECT_EQ(plain.rest, "localhost/demo:v1");
  EXPECT_EQ(StoreSpelling::parse("").rest, "");

  const auto full = StoreSpelling::parse(
      "[vfs@/root+/run:vfs.imagestore=/more,.imagestore=/x,vfs.mountopt=y]localhost/demo");
  ASSERT_TRUE(full.location);
  EXPECT_EQ(full.location->driver, "vfs");
  EXPECT_EQ(full.location->root, "/root");
  EXPECT_EQ(full.location->run_root, "/run");
  EXPECT_EQ(full.location->additional_stores, (Paths{"/more", "/x"}));
  EXPECT_EQ(full.rest, "localhost/demo");

  const auto short_form = StoreSpelling::parse("[/root]");
  ASSERT_TRUE(short_form.location);
  EXPECT_EQ(short_form.location->driver, "");
  EXPECT_EQ(short_form.location->root, "/root");
}

TEST(StoreSpelling, RefusesWhatSkopeoRefuses) {
  for (const char* text : {"[", "[]", "[overlay@]", "[@/root]", "[overlay@root]", "[/root+run]x"}) {
    EXPECT_THROW(static_cast<void>(StoreSpelling::parse(text)), Error) << text;
  }
}

class DefaultStoreTest : public testing::Test {
 protected:
  DefaultStoreTest() {
    environment_.variable = [this](const std::string& name) -> std::optional<std::string> {
      const auto at = variables_.find(name);
      if (at == variables_.end()) return std::nullopt;
      return at->second;
    };
    environment_.user = 1000;
    environment_.home = path("home");
    environment_.system_file = path("etc/storage.conf");
    environment_.vendor_file = path("usr/storage.conf");
  }
  [[nodiscard]] std::string path(const std::string& name) const {
    return (directory_.path() / name).native();
  }
  void write(const std::string& name, const std::string& text) const {
    test::write_file_at(path(name), text);
  }
  [[nodiscard]] StoreLocation find() const { return default_store(environment_); }

  test::TemporaryDirectory directory_;
  std::map<std::string, std::string> variables_;
  StoreEnvironment environment_;
};

TEST_F(DefaultStoreTest, IsWhereRootHasItWithoutAFile_LOC4) {
  environment_.user = 0;
  EXPECT_EQ(find().root, "/var/lib/containers/storage");
  EXPECT_EQ(find().run_root, "/run/containers/storage");
  EXPECT_EQ(find().driver, "");
}

TEST_F(DefaultStoreTest, IsWhereAUserHasItWithoutAFile_LOC4) {
  EXPECT_EQ(find().root, path("home/.local/share/containers/storage"));
  EXPECT_EQ(find().run_root, "/run/user/1000/containers");
  variables_["XDG_DATA_HOME"] = "/data";
  variables_["XDG_RUNTIME_DIR"] = "/run/me";
  EXPECT_EQ(find().root, "/data/containers/storage");
  EXPECT_EQ(find().run_root, "/run/me/containers");
}

TEST_F(DefaultStoreTest, ReadsTheSystemsFileBeforeTheVendors) {
  environment_.user = 0;
  write("usr/storage.conf", "[storage]\ngraphroot='/vendor'\ndriver='vfs'\n");
  EXPECT_EQ(find().root, "/vendor");
  EXPECT_EQ(find().driver, "vfs");
  write("etc/storage.conf",
        "[storage]\ndriver = 'overlay2'\ngraphroot = '/system'\nrunroot = '/runs'\n"
        "[storage.options]\nadditionalimagestores = ['/a', '/b']\n");
  EXPECT_EQ(find().root, "/system");
  EXPECT_EQ(find().run_root, "/runs");
  EXPECT_EQ(find().driver, "overlay");
  EXPECT_EQ(find().additional_stores, (Paths{"/a", "/b"}));
  variables_["CONTAINERS_STORAGE_CONF"] = path("own.conf");
  write("own.conf", "[storage]\ngraphroot='/own'\n");
  EXPECT_EQ(find().root, "/own");
}

TEST_F(DefaultStoreTest, TakesOfTheSystemsFileForAUserWhatIsForUsers) {
  write("etc/storage.conf",
        "[storage]\ndriver='vfs'\ngraphroot='/system'\nrunroot='/runs'\n"
        "rootless_storage_path='$HOME/x/${NAME}/$UID'\n"
        "[storage.options]\nadditionalimagestores=['/a']\n");
  variables_["HOME"] = "/home/me";
  variables_["NAME"] = "n";
  EXPECT_EQ(find().root, "/home/me/x/n/1000");
  EXPECT_EQ(find().run_root, "/run/user/1000/containers");
  EXPECT_EQ(find().driver, "vfs");
  EXPECT_EQ(find().additional_stores, Paths{});
}

TEST_F(DefaultStoreTest, PrefersAUsersOwnFile) {
  write("etc/storage.conf", "[storage]\ndriver='vfs'\n");
  write("home/.config/containers/storage.conf",
        "[storage]\ndriver='overlay'\n[storage.options]\nadditionalimagestores=['/shared']\n");
  EXPECT_EQ(find().driver, "overlay");
  EXPECT_EQ(find().root, path("home/.local/share/containers/storage"));
  EXPECT_EQ(find().additional_stores, Paths{"/shared"});
  write("config/containers/storage.conf", "[storage]\ngraphroot='/mine'\n");
  variables_["XDG_CONFIG_HOME"] = path("config");
  EXPECT_EQ(find().root, "/mine");
}

TEST_F(DefaultStoreTest, ObeysTheVariablesOfContainersStorage) {
  environment_.user = 0;
  write("etc/storage.conf",
        "[storage]\ndriver='overlay'\n[storage.options]\nadditionalimagestores=['/a']\n");
  variables_["STORAGE_DRIVER"] = "vfs";
  variables_["STORAGE_OPTS"] = "vfs.imagestore=/b,vfs.ignore_chown_errors=true";
  EXPECT_EQ(find().driver, "vfs");
  EXPECT_EQ(find().additional_stores, Paths{"/b"});
}

TEST_F(DefaultStoreTest, SearchesAnImageStoreBeforeTheRoot) {
  environment_.user = 0;
  write("etc/storage.conf", "[storage]\ngraphroot='/root'\nimagestore='/images'\n");
  EXPECT_EQ(find().root, "/images");
  EXPECT_EQ(find().additional_stores, Paths{"/root"});
}

TEST_F(DefaultStoreTest, SaysWhichFileIsWrong) {
  write("etc/storage.conf", "[storage]\ndriver = = 'vfs'\n");
  try {
    static_cast<void>(find());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
    EXPECT_NE(std::string(error.what()).find("etc/storage.conf: line 2"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace digestfs::registry
