// SPDX-License-Identifier: Apache-2.0
// Reference 11.3, as far as it is about how indexes and manifests come: digests and types that are
// said of them, sizes, tags that move, and signatures.
#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include <fcntl.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/handle.h"
#include "base/text.h"
#include "registry/http/field.h"
#include "registry/image/media_type.h"
#include "tests/mount/invariants.h"

namespace digestfs {
namespace {

namespace media_type = registry::media_type;

const std::string kManifestOfT = "tags/t/manifest.json";

/// What is read is the manifest of a tag that was not met before.
Inflict reading_manifest(int error, const Inflict& inflict) {
  return [error, inflict](World& world) {
    world.outcome.readings = {error == 0 ? test::content(kManifestOfT, world.manifest)
                                         : test::no_content(kManifestOfT, error)};
    inflict(world);
  };
}

/// The registry says `digest` of the tag; nothing where it is empty.
Inflict named(const std::string& digest) {
  return reading_manifest(0, [digest](World& world) {
    Response response{.fields = {{"Content-Type", world.manifest_type}}, .body = world.manifest};
    if (!digest.empty()) response.fields.emplace_back("Docker-Content-Digest", digest);
    world.answer("/manifests/t", response);
    world.outcome.readings.push_back(
        test::target(kManifestOfT, "../../manifests/" + world.manifest_digest));
  });
}

Inflict head(int error, const Response& response) {
  return reading_manifest(error, [response](World& world) {
    world.answer("/manifests/t", [response](const Received& request) {
      return request.method == "HEAD" ? std::optional(response) : std::nullopt;
    });
  });
}

void send_another(World& world) {
  world.answer("/manifests/sha256:",
               Response{.fields = {{"Docker-Content-Digest", world.manifest_digest},
                                   {"Content-Type", world.manifest_type}},
                        .body = world.bytes_of(world.image.manifest)});
  world.outcome.problem = "digest-mismatch";
}

void send_without_end(World& world) {
  world.answer("/manifests/sha256:",
               Response{.body = std::string(5U << 20U, ' '), .unframed = true});
}

/// The registry says that the manifest is of `type`; nothing where it is empty.
Inflict typed(const std::string& type) {
  return reading_manifest(0, [type](World& world) {
    Response response{.fields = {{"Docker-Content-Digest", world.manifest_digest}},
                      .body = world.manifest};
    if (!type.empty()) response.fields.emplace_back("Content-Type", type);
    world.answer("/manifests/", [&world, response](const Received& request) {
      const bool is_it =
          request.path().ends_with("/t") || request.path().ends_with(world.manifest_digest);
      return is_it ? std::optional(response) : std::nullopt;
    });
  });
}

Inflict status(int code, int error) {
  return reading_manifest(
      error, [code](World& world) { world.answer("/manifests/", Response{.status = code}); });
}

/// Of a tag that has been entered already. A registry that says nothing about it takes nothing away
/// (promise 7), and the user can see that it is so.
Inflict status_of_known(const Response& response, int error) {
  return [response, error](World& world) {
    const auto known =
        test::content("tags/known/manifest.json", world.bytes_of(world.image.manifest));
    test::expect(world.mountpoint, known);
    world.answer("/manifests/", response);
    world.outcome.readings = {error == 0 ? known : test::no_content(known.path, error)};
    if (error != 0) return;
    world.outcome.check = [&world] {
      EXPECT_NE(test::xattrs_of(world.mountpoint / "tags/known").find("user.digestfs.stale=true"),
                std::string::npos);
    };
  };
}

/// A manifest of exactly `size` bytes.
Inflict sized(std::size_t size, int error) {
  return [size, error](World& world) {
    std::string bytes = world.manifest;
    bytes.pop_back();
    bytes += R"(,"annotations":{"padding":")";
    constexpr std::string_view kEnd = "\"}}";
    bytes.append(size - bytes.size() - kEnd.size(), 'x') += kEnd;
    world.push("x", bytes, world.manifest_type);
    world.outcome.readings = {error == 0 ? test::content("tags/x/manifest.json", bytes)
                                         : test::no_content("tags/x/manifest.json", error)};
  };
}

/// A registry that gives an index only to who says that he can read one (EP-1).
void rewrite_lists(World& world) {
  test::ObjectSet more;
  const auto image = test::add_image(more, {test::gzip_layer({{"armed", "content"}})}, "arm64");
  const auto index = test::add_index(more, {world.other, image});
  world.push(more);
  world.registry.tag("x", index.digest);
  world.registry.forget_requests();
  const auto accepts = [](const Received& request) {
    const std::string accept = request.field("Accept");
    return std::ranges::all_of(
        std::array{media_type::kOciIndex, media_type::kDockerList, media_type::kOciManifest,
                   media_type::kDockerManifest},
        [&](std::string_view type) { return accept.find(type) != std::string::npos; });
  };
  world.answer("/manifests/",
               [&world, accepts](const Received& request) -> std::optional<Response> {
                 if (accepts(request)) return std::nullopt;
                 return Response{.fields = {{"Content-Type", world.manifest_type},
                                            {"Docker-Content-Digest", world.manifest_digest}},
                                 .body = world.manifest};
               });
  world.outcome.readings = {
      test::content("tags/x/manifest.json", more.objects().at(index.digest).bytes),
      test::content("tags/x/platforms/linux_arm64/manifest.json",
                    more.objects().at(image.manifest.digest).bytes)};
  world.outcome.check = [&world, accepts] {
    int asked = 0;
    for (const Received& request : world.registry.requests()) {
      if (!request.path().starts_with(world.registry.path("/manifests/"))) continue;
      ++asked;
      EXPECT_TRUE(accepts(request)) << request.method << " " << request.target;
      EXPECT_EQ(std::ranges::count_if(request.fields,
                                      [](const auto& field) {
                                        return registry::equals_folded(field.first, "accept");
                                      }),
                1)
          << request.target;
    }
    EXPECT_GE(asked, 3) << "HEAD by tag, GET of the index and of a manifest by digest";
  };
}

/// A signed manifest of schema 1 (MT-6): the payload with signatures before its last two bytes.
class Schema1 {
 public:
  explicit Schema1(const std::string& layer)
      : payload_(
            str_cat("{\n   \"schemaVersion\": 1,\n   \"name\": \"test/repo\",\n"
                    "   \"tag\": \"x\",\n   \"architecture\": \"amd64\",\n"
                    "   \"fsLayers\": [{\"blobSum\": \"",
                    layer,
                    "\"}],\n   \"history\": [{\"v1Compatibility\": \"{\\\"id\\\":\\\"1\\\"}\"}]"
                    "\n}")) {}

  [[nodiscard]] const std::string& payload() const { return payload_; }
  /// `tail` is the end of the payload in base64.
  [[nodiscard]] std::string signed_by(const std::string& tail) const {
    const std::size_t length = payload_.size() - 2;
    const std::string header =
        encode_base64(str_cat(R"({"formatLength":)", length, R"(,"formatTail":")", tail, "\"}"));
    return str_cat(payload_.substr(0, length),
                   R"(,"signatures":[{"header":{"alg":"ES256"},"signature":"AA","protected":")",
                   header, "\"}]\n}");
  }

 private:
  std::string payload_;
};

/// The registry sends `body` as the manifest whose payload has that digest.
void send_signed(World& world, const Digest& digest, const std::string& body) {
  const Response response{
      .fields = {{"Content-Type", std::string(media_type::kDockerSchema1Signed)},
                 {"Docker-Content-Digest", digest.str()}},
      .body = body};
  world.answer("/manifests/x", response);
  world.answer("/manifests/" + digest.str(), response);
}

Inflict signed_manifest(const std::string& tail) {
  return [tail](World& world) {
    const Schema1 manifest(world.digest(0));
    const Digest digest = digest_of(manifest.payload());
    send_signed(world, digest, manifest.signed_by(tail));
    world.outcome.readings = {
        test::content("tags/x/manifest.json", manifest.payload()),
        test::target("tags/x/manifest.json", "../../manifests/" + digest.str()),
        test::names("tags/x/layers", {"00"}),
        test::content("tags/x/layers/00/blob", world.victim()),
    };
  };
}

void change_signed(World& world) {
  const Schema1 manifest(world.digest(0));
  const Digest digest = digest_of(manifest.payload());
  std::string bytes = manifest.signed_by("Cn0");
  bytes.replace(bytes.find("test/repo"), 4, "best");
  send_signed(world, digest, bytes);
  world.outcome.readings = {test::no_content("manifests/" + digest.str(), EIO)};
  world.outcome.problem = "digest-mismatch";
}

void leave_unsigned(World& world) {
  const Schema1 manifest(world.digest(0));
  world.push("x", manifest.payload(), std::string(media_type::kDockerSchema1));
  world.outcome.readings = {test::content("tags/x/manifest.json", manifest.payload()),
                            test::content("tags/x/layers/00/blob", world.victim())};
}

/// A tag moves while a file below it is open.
void move_tag(World& world) {
  const std::string& after = world.bytes_of(world.image.manifest);
  const auto file = std::make_shared<UniqueFd>(
      ::open((world.mountpoint / kManifestOfT).c_str(), O_RDONLY | O_CLOEXEC));
  world.registry.tag("t", world.image.manifest.digest);
  world.outcome.readings = {
      test::content(kManifestOfT, after),
      test::target(kManifestOfT, "../../manifests/" + world.image.manifest.digest.str()),
      test::names("tags/t/layers", {"00", "01", "02"})};
  world.outcome.check = [&world, file] {
    EXPECT_TRUE(read_rest(file->get(), std::size_t{1} << 20U) == world.manifest);
  };
}

std::vector<Fault> sent_faults() {
  constexpr std::size_t kMost = std::size_t{4} << 20U;
  return {
      {"M1_digest_of_something_else", 0, named(digest_of("else").str())},
      {"M1_digest_that_is_none", 0, named("garbage")},
      {"M1_digest_that_is_missing", 0, named("")},
      {"M1_digest_without_its_algorithm", 0,
       [](World& world) { named(world.manifest_digest.substr(7))(world); }},
      {"M2_another_manifest", 0, reading_manifest(EIO, send_another)},
      {"M3_head_405", 0, head(0, {.status = 405})},
      {"M3_head_without_a_digest", 0, head(0, {.body = "x"})},
      {"M3_head_404", 0, head(ENOENT, {.status = 404})},
      {"M3_head_403_without_a_body", 0, head(0, {.status = 403})},
      {"M4_plain_text", 0, typed("text/plain")},
      {"M4_with_parameters", 0, typed("application/vnd.oci.image.manifest.v1+json; charset=utf-8")},
      {"M4_no_type", 0, typed("")},
      {"M6_four_mebibytes", 0, sized(kMost, 0)},
      {"M6_one_byte_more", 0, sized(kMost + 1, EFBIG)},
      {"M6_without_end", 0, reading_manifest(EFBIG, send_without_end)},
      {"M7_lists_only_for_who_wants_them", 0, rewrite_lists},
      {"M13_signed", 0, signed_manifest("Cn0")},
      {"M13_signed_and_padded", 0, signed_manifest("Cn0=")},
      {"M13_signed_and_changed", 0, change_signed},
      {"M13_unsigned", 0, leave_unsigned},
  };
}

std::vector<Fault> tag_faults() {
  const std::vector<std::string> ask_each_time = {"--tag-ttl", "0"};
  return {
      {"M15_401", 0, status(401, EACCES)},
      {"M15_403", 0, status(403, EACCES)},
      {"M15_404", 0, status(404, ENOENT)},
      {"M15_429", 0, status(429, EAGAIN)},
      {"M15_500", 0, status(500, ETIMEDOUT)},
      {"M15_401_of_a_known_tag", 0, status_of_known({.status = 401}, EACCES), ask_each_time},
      {"M15_403_of_a_known_tag", 0, status_of_known({.status = 403}, EACCES), ask_each_time},
      {"M15_404_of_a_known_tag", 0, status_of_known({.status = 404}, ENOENT), ask_each_time},
      {"M15_429_of_a_known_tag", 0, status_of_known({.status = 429}, 0), ask_each_time},
      {"M15_500_of_a_known_tag", 0, status_of_known({.status = 500}, 0), ask_each_time},
      {"M15_silence_about_a_known_tag", 0, status_of_known({.stall = true}, 0), ask_each_time},
      {"M16_tag_moves", 0, move_tag, ask_each_time},
  };
}

INSTANTIATE_TEST_SUITE_P(Manifests, InvariantsTest, testing::ValuesIn(sent_faults()), name_of);
INSTANTIATE_TEST_SUITE_P(Tags, InvariantsTest, testing::ValuesIn(tag_faults()), name_of);

}  // namespace
}  // namespace digestfs
