// SPDX-License-Identifier: Apache-2.0
#include "registry/local/oci_layout.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "tests/support/mounted.h"

namespace digestfs::registry {
namespace {

std::string digest(char c) { return "sha256:" + std::string(64, c); }

/// An entry of index.json that is called `name`, or nothing.
std::string entry(char c, const std::optional<std::string>& name = std::nullopt) {
  return R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","size":7,"digest":")" +
         digest(c) + "\"" +
         (name ? R"(,"annotations":{"org.opencontainers.image.ref.name":")" + *name + "\"}" : "") +
         "}";
}

/// Keeps what it is sent.
class Received final : public ObjectSink {
 public:
  void begin(const Beginning& beginning) override { beginnings.push_back(beginning); }
  void write(std::span<const std::byte> bytes) override { text += as_text(bytes); }

  std::vector<Beginning> beginnings;
  std::string text;
};

class OciLayoutTest : public testing::Test {
 protected:
  OciLayoutTest() {
    std::filesystem::create_directories(path("blobs/sha256"));
    write("oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
    write_index({});
  }

  [[nodiscard]] std::filesystem::path path(const std::string& name) const {
    return directory_.path() / name;
  }
  [[nodiscard]] std::filesystem::path blob(char c) const {
    return path("blobs/sha256") / std::string(64, c);
  }
  void write(const std::filesystem::path& name, std::string_view text) const {
    const UniqueFd file =
        open_file(AT_FDCWD, directory_.path() / name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    write_all(file.get(), as_bytes(text));
  }
  void write_index(const std::vector<std::string>& entries) const {
    std::string list;
    for (const std::string& text : entries) list += (list.empty() ? "" : ",") + text;
    write("index.json", R"({"schemaVersion":2,"manifests":[)" + list + "]}");
  }
  [[nodiscard]] OciLayout layout() const { return OciLayout(directory_.path()); }

  /// Tags and what each of them names.
  [[nodiscard]] std::map<std::string, std::string> tags() const {
    OciLayout source(directory_.path());
    std::map<std::string, std::string> found;
    for (const std::string& tag : source.list_tags({}, {}).tags) {
      const auto descriptor = source.resolve(tag, {});
      found[tag] = descriptor ? descriptor->digest.str() : "";
    }
    return found;
  }
  [[nodiscard]] std::vector<std::string> untagged() const {
    std::vector<std::string> found;
    for (const Descriptor& descriptor : layout().list_tags({}, {}).untagged) {
      found.push_back(descriptor.digest.str());
    }
    return found;
  }
  [[nodiscard]] std::vector<std::string> left_out() const {
    std::vector<std::string> found;
    for (const LeftOut& name : layout().list_tags({}, {}).left_out) {
      EXPECT_NE(name.reason, "");
      found.push_back(name.name);
    }
    return found;
  }
  [[nodiscard]] Errc refusal() const {
    try {
      static_cast<void>(layout());
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(directory_.path().native()), std::string::npos)
          << error.what();
      return error.code();
    }
    throw std::logic_error("it was opened");
  }

 private:
  test::TemporaryDirectory directory_;
};

using Tags = std::map<std::string, std::string>;
using List = std::vector<std::string>;

// --- opening ---

TEST_F(OciLayoutTest, IsNamedByItsPath) {
  EXPECT_EQ(layout().name(), "oci:" + path("").parent_path().native());
  // One key for what is kept about it, however it was typed.
  EXPECT_EQ(OciLayout(path("")).name(), layout().name());
  EXPECT_EQ(OciLayout(path("blobs/..")).name(), layout().name());
  EXPECT_EQ(OciLayout(path("./")).name(), layout().name());
}

TEST_F(OciLayoutTest, ThatIsMissingIsNotFound) {
  for (const auto& missing : {path("missing"), path("oci-layout"), path("oci-layout/x")}) {
    try {
      static_cast<void>(OciLayout(missing));
      FAIL() << missing;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::not_found) << missing;
      EXPECT_NE(std::string(error.what()).find(missing.native()), std::string::npos);
    }
  }
}

// A directory that is no OCI layout ended the program with status 1 instead of 11.
TEST_F(OciLayoutTest, IsNotFoundWithoutItsMarker) {
  std::filesystem::remove(path("oci-layout"));
  EXPECT_EQ(refusal(), Errc::not_found);
  for (const std::string text : {"", "x", "{\"imageLayoutVersion\":"}) {
    write("oci-layout", text);
    EXPECT_EQ(refusal(), Errc::corrupt) << text;
  }
  std::filesystem::remove(path("oci-layout"));
  std::filesystem::create_directory(path("oci-layout"));
  EXPECT_EQ(refusal(), Errc::not_found);
}

TEST_F(OciLayoutTest, S1OfAnUnknownVersionIsOpenedWithAWarning) {  // LOC-1
  for (const std::string text : {R"({"imageLayoutVersion":"2.0.0"})", "{}"}) {
    write("oci-layout", text);
    testing::internal::CaptureStderr();
    EXPECT_NO_THROW(static_cast<void>(layout()));
    EXPECT_EQ(testing::internal::GetCapturedStderr().substr(0, 9), "warning: ") << text;
  }
  write("oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
  testing::internal::CaptureStderr();
  EXPECT_NO_THROW(static_cast<void>(layout()));
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(OciLayoutTest, IsRefusedWithoutAnIndex) {
  const List bad = {"",
                    "[]",
                    "{}",
                    R"({"manifests":null})",
                    R"({"manifests":{}})",
                    R"({"manifests":[],"manifests":[]})",
                    R"({"manifests":[]}x)",
                    "\xef\xbb\xbf{\"manifests\":[]}"};
  for (const std::string& text : bad) {
    write("index.json", text);
    EXPECT_EQ(refusal(), Errc::corrupt) << text;
  }
  std::filesystem::remove(path("index.json"));
  EXPECT_EQ(refusal(), Errc::corrupt);
  ASSERT_EQ(::mkfifo(path("index.json").c_str(), 0600), 0);
  EXPECT_EQ(refusal(), Errc::corrupt);  // and nobody waits for its writer
}

TEST_F(OciLayoutTest, IsRefusedWithAnEndlessIndex) {  // MT-5
  const UniqueFd file = open_file(AT_FDCWD, path("index.json"), O_WRONLY);
  ASSERT_EQ(::ftruncate(file.get(), off_t{1} << 40U), 0);
  EXPECT_EQ(refusal(), Errc::too_large);
}

// --- tags ---

TEST_F(OciLayoutTest, MayBeEmpty) {
  const TagPage page = layout().list_tags({}, {});
  EXPECT_TRUE(page.tags.empty());
  EXPECT_TRUE(page.untagged.empty());
  EXPECT_TRUE(page.left_out.empty());
  EXPECT_FALSE(page.next);
}

TEST_F(OciLayoutTest, HasTheNamesOfItsIndexForTags) {  // LOC-1
  write_index({entry('a', "latest"), entry('b', "v1.0"), entry('c')});
  EXPECT_EQ(tags(), (Tags{{"latest", digest('a')}, {"v1.0", digest('b')}}));
  EXPECT_EQ(untagged(), List{digest('c')});
  EXPECT_TRUE(left_out().empty());
}

TEST_F(OciLayoutTest, GivesTheDescriptorOfATag) {
  write_index({R"({"mediaType":"application/vnd.oci.image.index.v1+json","size":42,"digest":")" +
               digest('a') +
               R"(","annotations":{"org.opencontainers.image.ref.name":"t",)"
               R"("x":"y"},"platform":{"os":"linux","architecture":"arm64"}})"});
  OciLayout source = layout();
  const auto descriptor = source.resolve("t", {});
  ASSERT_TRUE(descriptor);
  EXPECT_EQ(descriptor->digest.str(), digest('a'));
  EXPECT_EQ(descriptor->media_type, "application/vnd.oci.image.index.v1+json");
  EXPECT_EQ(descriptor->size, 42U);
  EXPECT_EQ(descriptor->annotations.at("x"), "y");
  EXPECT_EQ(descriptor->platform, (Platform{"linux", "arm64", "", "", {}}));
  EXPECT_FALSE(source.resolve("u", {}));
  EXPECT_FALSE(source.resolve("T", {}));
}

TEST_F(OciLayoutTest, S1GivesANameThatIsThereTwiceToTheFirst) {  // LOC-1
  write_index({entry('a', "t"), entry('b', "t"), entry('c', "t"), entry('d', "u")});
  EXPECT_EQ(tags(), (Tags{{"t", digest('a')}, {"u", digest('d')}}));
  EXPECT_EQ(left_out(), (List{"t", "t"}));
  // They are still there, by digest, and whoever reads that they are left out is told which.
  EXPECT_EQ(untagged(), (List{digest('b'), digest('c')}));
  OciLayout source = layout();
  const TagPage page = source.list_tags({}, {});
  EXPECT_NE(page.left_out[1].reason.find(digest('c')), std::string::npos);
}

// The record of a shadowed name did not say which image it was.
TEST_F(OciLayoutTest, SaysWhichImageHasANameThatIsTaken) {
  write_index(
      {entry('a', "t"), entry('b', "t"), entry('c', "docker.io/library/x:t"), entry('d', "../x")});
  const std::vector<LeftOut> names = layout().list_tags({}, {}).left_out;
  ASSERT_EQ(names.size(), 3U);
  EXPECT_EQ(untagged().size(), 3U);
  for (const LeftOut& name : names) {
    const bool is_said = std::ranges::any_of(untagged(), [&](const std::string& image) {
      return name.reason.find(image) != std::string::npos;
    });
    EXPECT_TRUE(is_said) << name.reason;
  }
}

TEST_F(OciLayoutTest, SaysNothingOfTheSameEntryTwice) {  // MT-9
  write_index({entry('a', "t"), entry('a', "t"), entry('a', "docker.io/library/x:t")});
  EXPECT_EQ(tags(), (Tags{{"t", digest('a')}}));
  EXPECT_TRUE(left_out().empty());
  EXPECT_TRUE(untagged().empty());
}

TEST_F(OciLayoutTest, S1TakesTheTagOfAFullReference) {  // LOC-1
  write_index({entry('a', "docker.io/library/x:1"), entry('b', "localhost:5000/y:2"),
               entry('c', "quay.io/z:3@" + digest('9'))});
  EXPECT_EQ(tags(), (Tags{{"1", digest('a')}, {"2", digest('b')}, {"3", digest('c')}}));
  EXPECT_TRUE(left_out().empty());
}

TEST_F(OciLayoutTest, PrefersAPlainNameToAFullReferenceWhereverItStands) {
  write_index({entry('a', "docker.io/library/x:1"), entry('b', "1"),
               entry('c', "docker.io/library/y:2"), entry('d', "docker.io/library/z:2")});
  EXPECT_EQ(tags(), (Tags{{"1", digest('b')}, {"2", digest('c')}}));
  EXPECT_EQ(left_out(), (List{"docker.io/library/x:1", "docker.io/library/z:2"}));
  EXPECT_EQ(untagged(), (List{digest('a'), digest('d')}));
}

TEST_F(OciLayoutTest, S1LeavesOutANameThatCannotBeATag) {  // DEC-4
  const List names = {"",
                      ".",
                      "..",
                      "../x",
                      "a/b",
                      "docker.io/library/x",
                      "a@b",
                      "a+b",
                      R"(a\nb)",
                      "-a",
                      " ",
                      "quay.io/x:../y",
                      R"(\u0000)",
                      R"(t\u0000)",
                      "x@" + digest('9'),
                      std::string(129, 'x')};
  std::vector<std::string> entries;
  for (const std::string& name : names) entries.push_back(entry('a', name));
  entries.push_back(entry('b', "good"));
  write_index(entries);
  EXPECT_EQ(tags(), (Tags{{"good", digest('b')}}));
  EXPECT_EQ(left_out().size(), names.size());
  EXPECT_EQ(untagged(), List(names.size(), digest('a')));
}

TEST_F(OciLayoutTest, M8LeavesOutAnEntryThatIsNoDescriptor) {  // M9
  const std::string name = R"(,"annotations":{"org.opencontainers.image.ref.name":"t"}})";
  write_index({"null", "[]", "{}", R"({"digest":"sha256:../../../../etc/passwd")" + name,
               R"({"digest":")" + digest('a') + R"(","size":-1)" + name,
               R"({"digest":")" + digest('a') + R"(","size":"7")" + name, entry('b', "u")});
  EXPECT_EQ(tags(), (Tags{{"u", digest('b')}}));
  EXPECT_TRUE(untagged().empty());
  EXPECT_EQ(left_out(), (List{"index.json entry 0", "index.json entry 1", "index.json entry 2",
                              "index.json entry 3", "index.json entry 4", "index.json entry 5"}));
}

TEST_F(OciLayoutTest, TakesANameThatIsNoTextForNone) {
  write_index({R"({"digest":")" + digest('a') +
               R"(","annotations":{"org.opencontainers.image.ref.name":7}})"});
  EXPECT_TRUE(tags().empty());
  EXPECT_EQ(untagged(), List{digest('a')});
}

TEST_F(OciLayoutTest, CountsWhatItLeavesOutBeyondAThousand) {
  write_index(List(1000, "{}"));
  EXPECT_EQ(left_out().size(), 1000U);
  EXPECT_EQ(left_out().back(), "index.json entry 999");
  write_index(List(1500, "{}"));
  const std::vector<LeftOut> list = layout().list_tags({}, {}).left_out;
  ASSERT_EQ(list.size(), 1000U);
  EXPECT_EQ(list[998].name, "index.json entry 998");
  EXPECT_EQ(list[999].name, "index.json");
  EXPECT_NE(list[999].reason.find("501"), std::string::npos) << list[999].reason;
}

TEST_F(OciLayoutTest, SeesWhatIsAddedLater) {
  OciLayout source = layout();
  EXPECT_TRUE(source.list_tags({}, {}).tags.empty());
  write_index({entry('a', "t")});
  EXPECT_EQ(source.list_tags({}, {}).tags, List{"t"});
  EXPECT_TRUE(source.resolve("t", {}));
  write_index({entry('b', "t")});
  EXPECT_EQ(source.resolve("t", {})->digest.str(), digest('b'));
  write("index.json", "{");
  EXPECT_THROW(static_cast<void>(source.list_tags({}, {})), Error);
  EXPECT_THROW(static_cast<void>(source.resolve("t", {})), Error);
}

// --- objects ---

TEST_F(OciLayoutTest, SendsAnObjectFromAnOffset) {
  write(blob('a'), "0123456789");
  OciLayout source = layout();
  for (const Endpoint endpoint : {Endpoint::manifests, Endpoint::blobs}) {
    const auto info = source.find(endpoint, *Digest::parse(digest('a')), {});
    ASSERT_TRUE(info);
    EXPECT_EQ(info->size, 10U);
    struct Case {
      std::uint64_t asked;
      std::uint64_t begins;
      std::string text;
    };
    for (const Case& c : std::vector<Case>{
             {0, 0, "0123456789"},
             {4, 4, "456789"},
             {10, 10, ""},
             // Where it cannot start there it starts over, and says so.
             {11, 0, "0123456789"},
         }) {
      Received received;
      source.fetch(endpoint, *Digest::parse(digest('a')), {.offset = c.asked}, received, {});
      ASSERT_EQ(received.beginnings.size(), 1U);
      EXPECT_EQ(received.beginnings[0].offset, c.begins) << c.asked;
      EXPECT_EQ(received.beginnings[0].total, 10U);
      EXPECT_EQ(received.text, c.text) << c.asked;
    }
  }
}

TEST_F(OciLayoutTest, SendsALargeObjectInOrder) {
  std::string text(1'000'003, ' ');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
  write(blob('a'), text);
  Received received;
  layout().fetch(Endpoint::blobs, *Digest::parse(digest('a')), {.offset = 7}, received, {});
  EXPECT_TRUE(received.text == text.substr(7));
}

TEST_F(OciLayoutTest, S1SendsWhatIsInTheFile) {  // whether it is right is found out above
  write(blob('a'), "not what the digest promises");
  Received received;
  layout().fetch(Endpoint::blobs, *Digest::parse(digest('a')), {}, received, {});
  EXPECT_EQ(received.text, "not what the digest promises");
}

TEST_F(OciLayoutTest, M10FindsObjectsOfAnyAlgorithm) {  // DIG-3
  const std::string sha512(128, 'a');
  std::filesystem::create_directories(path("blobs/sha512"));
  std::filesystem::create_directories(path("blobs/md5"));
  write("blobs/sha512/" + sha512, "x");
  write("blobs/md5/abc", "xy");
  EXPECT_EQ(layout().find(Endpoint::blobs, *Digest::parse("sha512:" + sha512), {})->size, 1U);
  EXPECT_EQ(layout().find(Endpoint::blobs, *Digest::parse("md5:abc"), {})->size, 2U);
}

TEST_F(OciLayoutTest, S1LacksOnlyTheBlobThatIsMissing) {  // LOC-1
  write_index({entry('a', "t"), entry('b', "u")});
  write(blob('b'), "here");
  OciLayout source = layout();
  const Digest missing = *Digest::parse(digest('a'));
  EXPECT_TRUE(source.resolve("t", {}));
  EXPECT_FALSE(source.find(Endpoint::blobs, missing, {}));
  Received received;
  try {
    source.fetch(Endpoint::blobs, missing, {}, received, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::not_found);
    EXPECT_NE(std::string(error.what()).find(source.name()), std::string::npos);
  }
  EXPECT_TRUE(received.beginnings.empty());
  EXPECT_TRUE(source.find(Endpoint::blobs, *Digest::parse(digest('b')), {}));
  // Nor is it an error that there are none at all of an algorithm.
  EXPECT_FALSE(source.find(Endpoint::blobs, *Digest::parse("md5:abc"), {}));
}

TEST_F(OciLayoutTest, S1FollowsALinkToABlob) {  // the directory is the user's own
  write("elsewhere", "text");
  std::filesystem::create_symlink("../../elsewhere", blob('a'));
  Received received;
  layout().fetch(Endpoint::blobs, *Digest::parse(digest('a')), {}, received, {});
  EXPECT_EQ(received.text, "text");
  std::filesystem::create_symlink("nowhere", blob('b'));
  EXPECT_FALSE(layout().find(Endpoint::blobs, *Digest::parse(digest('b')), {}));
}

// The bytes of a wrong blob are kept in quarantine, where everybody may read them who may read the
// mount: a link to a file of the user who mounts must not lead there.
TEST_F(OciLayoutTest, S1FollowsNoLinkOutOfADirectoryThatOthersMayWriteTo) {
  const test::TemporaryDirectory outside;
  std::filesystem::copy_file(path("oci-layout"), outside.path() / "secret");
  write("inside", "text");
  std::filesystem::create_symlink("../../inside", blob('a'));
  std::filesystem::create_symlink(outside.path() / "secret", blob('b'));
  std::filesystem::permissions(path(""), std::filesystem::perms::all);
  OciLayout source = layout();
  Received received;
  source.fetch(Endpoint::blobs, *Digest::parse(digest('a')), {}, received, {});
  EXPECT_EQ(received.text, "text");
  const auto code_of = [](const auto& call) {
    try {
      call();
    } catch (const Error& error) {
      return std::optional(error.code());
    }
    return std::optional<Errc>();
  };
  const Digest led_out = *Digest::parse(digest('b'));
  EXPECT_EQ(code_of([&] { static_cast<void>(source.find(Endpoint::blobs, led_out, {})); }),
            Errc::denied);
  Received nothing;
  EXPECT_EQ(code_of([&] { source.fetch(Endpoint::blobs, led_out, {}, nothing, {}); }),
            Errc::denied);
  EXPECT_EQ(nothing.text, "");
}

// Each lookup of a tag parsed the whole index again.
TEST_F(OciLayoutTest, ReadsItsIndexAgainOnlyOnceItHasChanged) {
  write_index({entry('a', "one")});
  OciLayout source = layout();
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  EXPECT_TRUE(source.resolve("one", {}));
  const auto times = std::filesystem::last_write_time(path("index.json"));
  // The same size and the same time of change, but another file.
  write("other", R"({"schemaVersion":2,"manifests":[)" + entry('b', "two") + "]}");
  std::filesystem::last_write_time(path("other"), times);
  std::filesystem::rename(path("other"), path("index.json"));
  EXPECT_FALSE(source.resolve("one", {}));
  EXPECT_TRUE(source.resolve("two", {}));
}

TEST_F(OciLayoutTest, S1NeverTakesAnythingButAFileForABlob) {  // and never waits for a fifo
  ASSERT_EQ(::mkfifo(blob('a').c_str(), 0600), 0);
  std::filesystem::create_directory(blob('b'));
  std::filesystem::create_symlink("/dev/zero", blob('c'));
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string short_path = path("s").native();
  ASSERT_LT(short_path.size(), sizeof address.sun_path);
  std::ranges::copy(short_path, static_cast<char*>(address.sun_path));
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  std::filesystem::create_symlink(short_path, blob('d'));
  OciLayout source = layout();
  for (const char c : {'a', 'b', 'c', 'd'}) {
    const Digest bad = *Digest::parse(digest(c));
    EXPECT_FALSE(source.find(Endpoint::blobs, bad, {})) << c;
    Received received;
    EXPECT_THROW(source.fetch(Endpoint::blobs, bad, {}, received, {}), Error) << c;
    EXPECT_TRUE(received.beginnings.empty()) << c;
  }
}

TEST_F(OciLayoutTest, LetsOutWhatTheSinkThrows) {
  class Full final : public ObjectSink {
   public:
    void begin(const Beginning& /*beginning*/) override {}
    void write(std::span<const std::byte> /*bytes*/) override {
      throw Error(Errc::too_large, "enough");
    }
  };
  write(blob('a'), "text");
  Full full;
  try {
    layout().fetch(Endpoint::blobs, *Digest::parse(digest('a')), {}, full, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::too_large);
  }
}

TEST_F(OciLayoutTest, StopsWhenItIsAsked) {
  write(blob('a'), std::string(1'000'000, 'x'));
  std::stop_source stop;
  stop.request_stop();
  Received received;
  try {
    layout().fetch(Endpoint::blobs, *Digest::parse(digest('a')), {}, received,
                   {.stop = stop.get_token()});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::interrupted);
  }
  EXPECT_EQ(received.text, "");
}

TEST_F(OciLayoutTest, StaysWhereItWasWhenTheDirectoryIsMoved) {
  test::TemporaryDirectory other;
  std::filesystem::create_directories(other.path() / "a/blobs/sha256");
  std::filesystem::copy(path("oci-layout"), other.path() / "a/oci-layout");
  std::filesystem::copy(path("index.json"), other.path() / "a/index.json");
  write(other.path() / "a/blobs/sha256" / std::string(64, 'a'), "text");
  OciLayout source(other.path() / "a");
  std::filesystem::rename(other.path() / "a", other.path() / "b");
  EXPECT_TRUE(source.find(Endpoint::blobs, *Digest::parse(digest('a')), {}));
}

}  // namespace
}  // namespace digestfs::registry
