// SPDX-License-Identifier: Apache-2.0
#include "registry/local/containers/layer_tar.h"

#include <filesystem>
#include <functional>
#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "tests/registry/local/containers/stored_layer.h"
#include "tests/support/image_builder.h"
#include "tests/support/mounted.h"

namespace digestfs::registry {
namespace {

namespace fs = std::filesystem;

class Text final : public ByteSink {
 public:
  void write(std::span<const std::byte> bytes) override { text += as_text(bytes); }
  std::string text;
};

class LayerTarTest : public testing::Test {
 protected:
  LayerTarTest() { fs::create_directories(files()); }

  [[nodiscard]] fs::path files() const { return directory_.path() / "diff"; }
  void store(const std::vector<test::StoredFile>& content) {
    layer_ = test::store_files(content);
    for (const auto& file : content) test::write_file_at(files() / file.name, file.content);
    write_tar_split(test::gzip(layer_.tar_split));
  }
  void write_tar_split(std::string_view bytes) const {
    test::write_file_at(directory_.path() / "tar-split.gz", bytes);
  }
  [[nodiscard]] std::string make(std::optional<std::uint64_t> size = std::nullopt,
                                 const Request& request = {}) const {
    const auto folder = Folder::open(directory_.path());
    const LayerParts parts{*folder->file("tar-split.gz"), DiffDirectory(*Folder::open(files())),
                           size};
    Text text;
    write_layer_tar(parts, text, request);
    return text.text;
  }
  [[nodiscard]] std::pair<Errc, std::string> failure(
      std::optional<std::uint64_t> size = std::nullopt, const Request& request = {}) const {
    try {
      static_cast<void>(make(size, request));
    } catch (const Error& error) {
      return {error.code(), error.what()};
    }
    throw std::logic_error("a tar came out");
  }

  test::TemporaryDirectory directory_;
  test::StoredLayer layer_;
};

TEST_F(LayerTarTest, PutsTheTarTogetherAgain_LOC5) {
  store({{"a", "content of a"}, {"empty", ""}, {"dir/big", test::noise(700'000)}, {"\xff", "odd"}});
  EXPECT_EQ(make(), layer_.tar);
  EXPECT_EQ(make(layer_.tar.size()), layer_.tar);
}

TEST_F(LayerTarTest, RefusesAFileThatChanged_S3) {
  store({{"a", "content"}});
  test::write_file_at(files() / "a", "Content");
  EXPECT_EQ(failure().first, Errc::corrupt);
  EXPECT_NE(failure().second.find("checksum"), std::string::npos) << failure().second;
  test::write_file_at(files() / "a", "conten");
  EXPECT_EQ(failure().first, Errc::corrupt);
  EXPECT_NE(failure().second.find("shorter"), std::string::npos) << failure().second;
  fs::remove(files() / "a");
  EXPECT_EQ(failure().first, Errc::corrupt);
  EXPECT_NE(failure().second.find("missing"), std::string::npos) << failure().second;
}

TEST_F(LayerTarTest, TakesOfAFileThatGrewWhatWasStored_S3) {
  store({{"a", "content"}});
  test::write_file_at(files() / "a", "content and more");
  EXPECT_EQ(make(), layer_.tar) << "the digest is still right";
}

TEST_F(LayerTarTest, RefusesATarSplitThatIsCut_S3) {
  store({{"a", "content"}, {"b", test::noise(1000)}});
  const std::string whole = test::gzip(layer_.tar_split);
  for (const std::size_t cut :
       {std::size_t{0}, std::size_t{5}, whole.size() / 2, whole.size() - 1}) {
    write_tar_split(whole.substr(0, cut));
    EXPECT_EQ(failure(layer_.tar.size()).first, Errc::corrupt) << cut;
  }
  // Whole lines are missing, or the last one ends early.
  const std::string& lines = layer_.tar_split;
  write_tar_split(test::gzip(lines.substr(0, lines.find('\n') + 1)));
  EXPECT_EQ(failure(layer_.tar.size()).first, Errc::corrupt);
  write_tar_split(test::gzip(lines.substr(0, lines.size() - 10)));
  EXPECT_EQ(failure().first, Errc::corrupt);
}

TEST_F(LayerTarTest, WritesNoMoreThanTheStoreSays) {
  store({{"a", test::noise(2'000'000)}});
  const auto folder = Folder::open(directory_.path());
  const LayerParts parts{*folder->file("tar-split.gz"), DiffDirectory(*Folder::open(files())),
                         1000};
  Text text;
  EXPECT_THROW(write_layer_tar(parts, text, {}), Error);
  EXPECT_LE(text.text.size(), 1000U);
  EXPECT_EQ(failure(1000).first, Errc::corrupt);
}

TEST_F(LayerTarTest, StaysInsideTheDirectory_S3) {
  test::write_file_at(directory_.path() / "secret", "secret");
  fs::create_directories(files() / "etc");
  test::write_file_at(files() / "real/file", "content");
  fs::create_symlink("/real", files() / "absolute");  // means the one inside, as for an unpacker
  fs::create_directory_symlink("../../../..", files() / "up");
  fs::create_symlink(directory_.path() / "secret", files() / "link");
  ASSERT_EQ(::mkfifo((files() / "fifo").c_str(), 0600), 0);
  const auto make_of = [&](const std::string& name, const std::string& content) {
    layer_ = test::store_files({{name, content}});
    write_tar_split(test::gzip(layer_.tar_split));
  };
  make_of("absolute/file", "content");
  EXPECT_EQ(make(), layer_.tar);
  for (const std::string& name :
       {std::string("../secret"), "up/" + directory_.path().native().substr(1) + "/secret",
        std::string("link"), std::string("fifo"), std::string("etc"), std::string("none/x"),
        std::string("real/file/x")}) {
    make_of(name, "secret");
    EXPECT_EQ(failure().first, Errc::corrupt) << name;
  }
}

TEST_F(LayerTarTest, SaysWhatToDoAboutAFileThatCannotBeRead) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
  store({{"a", "content"}});
  fs::permissions(files() / "a", fs::perms::none);
  EXPECT_EQ(failure().first, Errc::denied);
  EXPECT_NE(failure().second.find("podman unshare"), std::string::npos) << failure().second;
}

TEST_F(LayerTarTest, StopsWhenItIsTold) {
  store({{"a", test::noise(100'000)}});
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(failure({}, {.stop = stop.get_token()}).first, Errc::interrupted);
}

}  // namespace
}  // namespace digestfs::registry
