// SPDX-License-Identifier: Apache-2.0
// Reference 11.2: where a registry leads.
#include <atomic>
#include <cerrno>
#include <memory>

#include "base/text.h"
#include "tests/mount/invariants.h"

namespace digestfs {
namespace {

Inflict to(const std::string& location) {
  return [location](World& world) { world.redirect(location); };
}

Inflict to_cdn(int status) {
  return [status](World& world) {
    world.cdn.on("/data", {.body = world.victim()});
    world.redirect(world.on_cdn("/data?sig=" + World::kSignature), status);
  };
}

/// To another path of the registry, by a URL that says less than all of it.
Inflict relative(const std::string& location, const std::string& path) {
  return [location, path](World& world) {
    world.redirect(location);
    const std::string full = path.starts_with('/') ? path : world.registry.path("/" + path);
    world.registry.on([&world, full](const Received& request) -> std::optional<Response> {
      if (request.path() != full) return std::nullopt;
      if (!world.is_authorised(request)) return World::refusal(world.bearer());
      return Response{.body = world.victim()};
    });
  };
}

/// Through `hops` paths of the CDN.
Inflict chain(int hops) {
  return [hops](World& world) {
    world.cdn.on([&world, hops](const Received& request) -> std::optional<Response> {
      const int hop = std::stoi(request.path().substr(1));
      if (hop == hops) return Response{.body = world.victim()};
      return Response{.status = 307, .fields = {{"Location", str_cat("/", hop + 1)}}};
    });
    world.redirect(world.on_cdn("/1"));
  };
}

/// The manifest of a tag is where the registry leads, and is `body` there.
Inflict manifest_on_cdn(bool is_right) {
  return [is_right](World& world) {
    world.cdn.on("/manifest",
                 {.fields = {{"Content-Type", world.manifest_type}},
                  .body = is_right ? world.manifest : world.bytes_of(world.image.manifest)});
    world.answer("/manifests/sha256:",
                 {.status = 307,
                  .fields = {{"Location", world.on_cdn("/manifest?sig=" + World::kSignature)}}});
    world.outcome.readings = {is_right ? test::content("tags/t/manifest.json", world.manifest)
                                       : test::no_content("tags/t/manifest.json", EIO)};
    if (!is_right) world.outcome.problem = "digest-mismatch";
  };
}

void expire_url_for_the_second_part(World& world) {
  auto links = std::make_shared<std::atomic<int>>(0);
  world.answer(world.victim_path(), [&world, links](const Received&) {
    return Response{
        .status = 307,
        .fields = {{"Location", world.on_cdn(str_cat("/", ++*links, "?sig=", World::kSignature))}}};
  });
  world.cdn.on([&world](const Received& request) -> std::optional<Response> {
    if (world.first.exchange(false)) return Response{.body = world.victim(), .cut = 100'000};
    if (request.path() == "/2") return Response{.status = 403, .body = "<Error/>"};
    if (request.field("Range") != "bytes=100000-") return Response{.status = 400};
    const std::size_t size = world.victim().size();
    return Response{.status = 206,
                    .fields = {{"Content-Range", str_cat("bytes 100000-", size - 1, "/", size)}},
                    .body = world.victim().substr(100'000)};
  });
}

std::vector<Fault> redirect_faults() {
  return {
      {"R1_to_another_port_by_307", 0, to_cdn(307)},
      {"R1_to_another_port_by_302", 0, to_cdn(302)},
      {"R2_to_another_path", 0, relative("/data", "/data")},
      {"R3_from_the_same_folder", 0, relative("data", "blobs/data")},
      {"R3_from_the_folder_above", 0, relative("../data", "data")},
      {"R3_with_the_same_scheme", 0,
       [](World& world) {
         world.cdn.on("/data", {.body = world.victim()});
         world.redirect(str_cat("//", world.cdn.address(), "/data"));
       }},
      {"R3_with_a_fragment", 0,
       [](World& world) {
         world.cdn.on("/data", {.body = world.victim()});
         world.redirect(world.on_cdn("/data#part"));
       }},
      {"R3_to_nowhere", EIO, [](World& world) { world.blob_answer({.status = 307}); }},
      {"R3_to_no_url", EIO, to("http://x/\xc3\x28")},
      {"R4_in_circles", EIO,
       [](World& world) { world.redirect(world.registry.path(world.victim_path())); }},
      {"R4_ten_times", 0, chain(10)},
      {"R4_eleven_times", EIO, chain(11)},
      {"R5_to_a_file", EIO, to("file:///etc/passwd")},
      {"R5_to_ftp", EIO, to("ftp://127.0.0.1/x")},
      {"R5_to_link_local", EIO, to("http://169.254.169.254/latest/meta-data")},
      {"R5_from_https_to_http",
       EIO,
       [](World& world) {
         world.cdn.on("/data", {.body = world.victim()});
         world.redirect(world.on_cdn("/data"));
         world.outcome.check = [&world] { EXPECT_EQ(world.cdn.connections(), 0U); };
       },
       {},
       World::Transport::tls},
      {"R6_url_has_expired_for_the_second_part", 0, expire_url_for_the_second_part},
      {"R7_cdn_refuses_head", 0,
       [](World& world) {
         world.cdn.on([&world](const Received& request) -> std::optional<Response> {
           if (request.method == "HEAD") return Response{.status = 403};
           return Response{.body = world.victim()};
         });
         world.redirect(world.on_cdn("/data?sig=" + World::kSignature));
       }},
      {"R8_to_another_registry", EACCES,
       [](World& world) {
         world.cdn.on("/", World::refusal(world.bearer()));
         world.redirect(world.on_cdn("/v2/other/repo/blobs/x"));
       }},
      {"R9_manifest", 0, manifest_on_cdn(true)},
      {"R9_another_manifest", 0, manifest_on_cdn(false)},
  };
}

INSTANTIATE_TEST_SUITE_P(Redirects, InvariantsTest, testing::ValuesIn(redirect_faults()), name_of);

}  // namespace
}  // namespace digestfs
