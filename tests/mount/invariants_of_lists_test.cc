// SPDX-License-Identifier: Apache-2.0
// Reference 11.5, as far as it is about lists: of tags, in pages that lead anywhere, and of what
// refers to an image.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>

#include "base/text.h"
#include "registry/image/media_type.h"
#include "tests/mount/invariants.h"

namespace digestfs {
namespace {

using registry::Descriptor;
namespace media_type = registry::media_type;

// Lists are asked for each time.
const std::vector<std::string> kAsk = {"--tag-ttl", "0"};

const std::string kManifest(media_type::kOciManifest);
const std::string kIndex(media_type::kOciIndex);

const std::set<std::string> kImage = {"config.json", "host",          "image",
                                      "layers",      "manifest.json", "oci",
                                      "platforms",   "referrers",     "rootfs"};

std::string tags_json(const std::string& tags) { return str_cat(R"({"tags":[)", tags, "]}"); }

std::string next(const std::string& url) { return str_cat("<", url, ">; rel=\"next\""); }

// --- tags ------------------------------------------------------------------------------

/// What is asked for each time that the tags are listed, in order.
std::vector<std::string> asked_for_tags(const World& world) {
  const std::string list = world.registry.path("/tags/list");
  std::vector<std::string> targets;
  for (const Received& request : world.registry.requests()) {
    if (request.path() == list) targets.push_back(request.target);
  }
  // How often it is asked for as a whole is a case of its own (L1_many_tags_in_one_listing).
  const auto times = std::ranges::count(targets, list);
  if (times > 1) targets.resize(targets.size() / static_cast<std::size_t>(times));
  return targets;
}

/// Three pages of a tag each. `link` makes the field that leads to the next from the registry's URL
/// of it, `/v2/…?CURSOR`.
Inflict three_pages(const std::function<std::string(const World&, const std::string&)>& link,
                    const std::string& cursor = "last=") {
  return [link, cursor](World& world) {
    const std::string list = world.registry.path("/tags/list");
    world.answer("/tags/list", [&world, link, list, cursor](const Received& request) {
      const auto page_after = [&](const char* tag, const char* following) {
        return Response{.fields = {{"Link", link(world, str_cat(list, "?", cursor, following))}},
                        .body = tags_json(tag)};
      };
      if (request.target == list) return page_after("\"a\",\"b\"", "1");
      if (request.target == str_cat(list, "?", cursor, "1")) return page_after("\"b\",\"c\"", "2");
      if (request.target == str_cat(list, "?", cursor, "2")) {
        return Response{.body = tags_json("\"d\"")};
      }
      return Response{.status = 400};
    });
    world.registry.forget_requests();
    world.outcome.readings = {test::names("tags", {"a", "b", "c", "d"})};
    world.outcome.check = [&world, list, cursor] {
      EXPECT_EQ(asked_for_tags(world),
                (std::vector<std::string>{list, str_cat(list, "?", cursor, "1"),
                                          str_cat(list, "?", cursor, "2")}))
          << "each page once, by its cursor byte for byte";
      EXPECT_EQ(world.cdn.connections(), 0U) << "another host is asked";
    };
  };
}

/// The pages are `response` again and again, or made by it.
Inflict endless(const std::function<Response(const World&, int)>& page,
                const std::set<std::string>& tags, std::size_t pages) {
  return [page, tags, pages](World& world) {
    auto number = std::make_shared<std::atomic<int>>(0);
    world.answer("/tags/list",
                 [&world, page, number](const Received&) { return page(world, (*number)++); });
    world.registry.forget_requests();
    world.outcome.readings = {test::names("tags", tags)};
    world.outcome.problem = "limit";
    world.outcome.check = [&world, pages] { EXPECT_LE(asked_for_tags(world).size(), pages); };
  };
}

/// Each page has a new tag, and leads on. The list goes on from the page that mounting asked for.
void new_pages(World& world) {
  auto number = std::make_shared<std::atomic<int>>(0);
  world.answer("/tags/list", [&world, number](const Received&) {
    const int page = (*number)++;
    return Response{
        .fields = {{"Link", next(str_cat(world.registry.path("/tags/list"), "?last=", page))}},
        .body = tags_json(str_cat("\"tag", page, '"'))};
  });
  world.outcome.readings = {test::names("tags/known", kImage)};
  world.outcome.check = [&world] {
    const auto found = test::look(world.mountpoint, test::Reading::Of::names, "tags");
    EXPECT_EQ(found.error, 0);
    EXPECT_GT(std::ranges::count(found.seen, '\n'), 1000) << "a part is shown";
  };
  world.outcome.problem = "limit";
}

/// More tags than the kernel takes at once, in one page. However often it comes back for the rest,
/// that is one listing (promise 4).
void many_tags(World& world) {
  std::set<std::string> tags;
  std::string listed;
  for (int i = 1000; i < 3000; ++i) {
    const std::string tag = str_cat("tag", i);
    tags.insert(tag);
    listed += str_cat(listed.empty() ? "\"" : ",\"", tag, '"');
  }
  world.answer("/tags/list", {.body = tags_json(listed)});
  world.registry.forget_requests();
  world.outcome.readings = {test::names("tags", tags)};
  world.outcome.check = [&world] {
    EXPECT_EQ(world.registry.count("GET", world.registry.path("/tags/list")), 1U);
  };
}

Inflict list(const Response& response, const test::Reading& reading,
             const std::string& problem = {}) {
  return [response, reading, problem](World& world) {
    world.answer("/tags/list", response);
    world.outcome.readings = {reading};
    world.outcome.problem = problem;
  };
}

/// A registry that refuses pages of more than a hundred, or insists on being told how many.
Inflict page_sizes(int status, bool wants_small) {
  return [status, wants_small](World& world) {
    world.answer("/tags/list", [status, wants_small](const Received& request) {
      const bool is_small = request.target.ends_with("?n=100");
      const bool is_none = request.target.find('?') == std::string::npos;
      if (is_small || (is_none && !wants_small)) return Response{.body = tags_json("\"a\"")};
      return Response{.status = status,
                      .body = R"({"errors":[{"code":"UNSUPPORTED","message":"n=1000"}]})"};
    });
    world.outcome.readings = {test::names("tags", {"a"})};
  };
}

std::vector<Fault> page_faults() {
  const auto elsewhere = [](const std::string& scheme) {
    return [scheme](const World& world, const std::string& target) {
      return next(str_cat(scheme, "://", world.cdn.address(), target));
    };
  };
  const auto as_it_is = [](const World&, const std::string& target) { return next(target); };
  return {
      {"L1_link_without_a_host", 0, three_pages(as_it_is), kAsk},
      {"L1_link_of_a_query_alone", 0, three_pages([](const World&, const std::string& target) {
         return next(target.substr(target.find('?')));
       }),
       kAsk},
      {"L1_link_with_the_host", 0, three_pages([](const World& world, const std::string& target) {
         return next(str_cat("http://", world.registry.address(), target));
       }),
       kAsk},
      {"L1_link_to_another_host", 0, three_pages(elsewhere("http")), kAsk},
      {"L1_link_to_another_host_by_https", 0, three_pages(elsewhere("https")), kAsk},
      {"L1_link_from_https_to_http", 0,
       three_pages([](const World& world, const std::string& target) {
         return next(str_cat("http://", world.registry.address(), target));
       }),
       kAsk, World::Transport::tls},
      {"L1_two_links", 0, three_pages([](const World&, const std::string& target) {
         return str_cat("</v2/first>; rel=\"first\"; title=\"a, <b>\", ", next(target));
       }),
       kAsk},
      {"L1_many_tags_in_one_listing", 0, many_tags, kAsk},
      {"L1_cursor_of_percent", 0, three_pages(as_it_is, "last=a%2Cb%3d&n=2&x="), kAsk},
      {"L1_cursor_of_semicolons_and_commas", 0, three_pages(as_it_is, "next=a;b,c;="), kAsk},
  };
}

std::vector<Fault> list_faults() {
  const auto link_to_itself = [](const World& world, int) {
    return Response{.fields = {{"Link", next(world.registry.path("/tags/list"))}},
                    .body = tags_json("\"a\"")};
  };
  const auto same_again = [](const World& world, int number) {
    const std::string list = world.registry.path("/tags/list");
    return Response{.fields = {{"Link", next(str_cat(list, "?last=", number))}},
                    .body = tags_json("\"a\"")};
  };
  const auto two_in_turn = [](const World& world, int number) {
    const std::string list = world.registry.path("/tags/list");
    return Response{.fields = {{"Link", next(str_cat(list, "?last=", number % 2))}},
                    .body = tags_json(number % 2 == 0 ? "\"a\"" : "\"b\"")};
  };
  const Response html{.fields = {{"Content-Type", "text/html"}}, .body = "<html>sign in</html>"};
  return {
      {"L2_link_to_itself", 0, endless(link_to_itself, {"a"}, 2), kAsk},
      {"L2_two_pages_in_a_circle", 0, endless(two_in_turn, {"a", "b"}, 4), kAsk},
      {"L2_same_page_again", 0, endless(same_again, {"a"}, 20), kAsk},
      {"L2_new_pages_without_end", 0, new_pages},
      {"L3_null", 0, list({.body = R"({"tags":null})"}, test::names("tags", {})), kAsk},
      {"L3_bad_names", 0,
       list({.body = tags_json(str_cat(R"(null,"a","sha256:)", digest_of("x").encoded(),
                                       R"(","../x","a\n","")"))},
            test::names("tags", {"a"}), "bad-name"),
       kAsk},
      {"L3_no_object", 0, list({.body = "[]"}, test::no_names("tags", EIO)), kAsk},
      {"L3_html", 0, list(html, test::no_names("tags", EIO)), kAsk},
      {"L4_400_for_a_large_page", 0, page_sizes(400, false), kAsk},
      {"L4_405_for_a_large_page", 0, page_sizes(405, false), kAsk},
      {"L4_413_for_a_large_page", 0, page_sizes(413, false), kAsk},
      {"L4_400_for_a_page_of_any_size", 0, page_sizes(400, true), kAsk},
      {"L4_405_for_a_page_of_any_size", 0, page_sizes(405, true), kAsk},
      {"L4_413_for_a_page_of_any_size", 0, page_sizes(413, true), kAsk},
  };
}

// --- referrers -------------------------------------------------------------------------

/// A statement about the image `known`, or about another.
Descriptor add_referrer(World& world, const std::string& text, const Descriptor& subject) {
  const std::string type = "application/vnd.in-toto+json";
  const Descriptor blob = world.registry.add_blob(text);
  const std::string manifest =
      str_cat(R"({"schemaVersion":2,"mediaType":")", kManifest, R"(","artifactType":")", type,
              R"(","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":")",
              digest_of("{}"), R"(","size":2},"layers":[{"mediaType":")", type, R"(","digest":")",
              blob.digest, R"(","size":)", text.size(), R"(}],"subject":{"mediaType":")", kManifest,
              R"(","digest":")", subject.digest, R"(","size":)", subject.size.value_or(0), "}}");
  return world.registry.add_manifest(manifest, kManifest);
}

Response index_of(const std::vector<Descriptor>& manifests) {
  return {.fields = {{"Content-Type", kIndex}}, .body = test::index_json(manifests)};
}

std::string referrers_of(const Descriptor& subject) {
  return str_cat("images/", subject.digest, "/referrers");
}

/// The registry answers so to who asks for referrers; there is an index under the fallback tag, of
/// one statement, which is seen or not.
Inflict fallback(const Response& response, bool is_seen = true) {
  return [response, is_seen](World& world) {
    const Descriptor& subject = world.image.manifest;
    const Descriptor referrer = add_referrer(world, "statement", subject);
    world.push(str_cat("sha256-", subject.digest.encoded()), test::index_json({referrer}), kIndex);
    world.answer("/referrers/", response);
    world.outcome.readings = {is_seen ? test::names(referrers_of(subject), {referrer.digest.str()})
                                      : test::names(referrers_of(subject), {})};
  };
}

void two_pages(World& world) {
  const Descriptor& subject = world.image.manifest;
  const Descriptor first = add_referrer(world, "first", subject);
  const Descriptor second = add_referrer(world, "second", subject);
  world.answer("/referrers/", [first, second](const Received& request) {
    if (request.target.ends_with("?page=2")) return index_of({second});
    Response response = index_of({first});
    response.fields.emplace_back("Link", next(request.path() + "?page=2"));
    return response;
  });
  world.outcome.readings = {
      test::names(referrers_of(subject), {first.digest.str(), second.digest.str()}),
      test::content(str_cat(referrers_of(subject), "/", second.digest, "/layers/00/blob"),
                    "second")};
}

/// All kinds are shown, so that nobody is asked to filter, and what is said of filters is nothing.
void said_to_be_filtered(World& world) {
  const Descriptor& subject = world.image.manifest;
  const Descriptor referrer = add_referrer(world, "statement", subject);
  Response response = index_of({referrer});
  response.fields.emplace_back("OCI-Filters-Applied", "artifactType");
  world.answer("/referrers/", response);
  world.outcome.readings = {test::names(referrers_of(subject), {referrer.digest.str()})};
  world.outcome.never_asked.emplace_back("artifactType");
}

/// Of a digest of 128 digits the tag has 64 (EP-12).
void fallback_of_sha512(World& world) {
  const std::string& bytes = world.bytes_of(world.image.manifest);
  const Descriptor subject = world.registry.add_manifest(bytes, kManifest, "sha512");
  const Descriptor referrer = add_referrer(world, "statement", subject);
  world.push(str_cat("sha512-", subject.digest.encoded().substr(0, 64)),
             test::index_json({referrer}), kIndex);
  world.answer("/referrers/", Response{.status = 404});
  world.outcome.readings = {
      test::content(str_cat("images/", subject.digest, "/manifest.json"), bytes),
      test::names(referrers_of(subject), {referrer.digest.str()})};
}

void fallback_is_an_image(World& world) {
  const Descriptor& subject = world.image.manifest;
  world.registry.tag(str_cat("sha256-", subject.digest.encoded()), world.other.manifest.digest);
  world.answer("/referrers/", Response{.status = 404});
  world.outcome.readings = {test::names(referrers_of(subject), {})};
}

/// One refers to us, the other to another image, whoever says otherwise.
Inflict other_subject(bool by_fallback) {
  return [by_fallback](World& world) {
    const Descriptor& subject = world.image.manifest;
    const Descriptor right = add_referrer(world, "right", subject);
    const Descriptor wrong = add_referrer(world, "wrong", world.other.manifest);
    if (by_fallback) {
      world.push(str_cat("sha256-", subject.digest.encoded()), test::index_json({right, wrong}),
                 kIndex);
      world.answer("/referrers/", Response{.status = 404});
    } else {
      world.answer("/referrers/", index_of({right, wrong}));
    }
    world.outcome.readings = {test::names(referrers_of(subject), {right.digest.str()})};
    world.outcome.problem = "bad-document";
  };
}

std::vector<Fault> referrer_faults() {
  return {
      {"L6_404", 0, fallback({.status = 404}), kAsk},
      {"L6_400", 0, fallback({.status = 400}), kAsk},
      {"L6_401_without_a_challenge", 0, fallback({.status = 401}), kAsk},
      {"L6_406", 0, fallback({.status = 406}), kAsk},
      {"L6_303_to_html", 0,
       [](World& world) {
         world.cdn.on("/", {.fields = {{"Content-Type", "text/html"}}, .body = "<html></html>"});
         fallback({.status = 303, .fields = {{"Location", world.on_cdn("/page")}}})(world);
       },
       kAsk},
      {"L6_html", 0, fallback({.fields = {{"Content-Type", "text/html"}}, .body = "<html></html>"}),
       kAsk},
      {"L6_index_of_null", 0,
       fallback({.fields = {{"Content-Type", kIndex}},
                 .body = str_cat(R"({"schemaVersion":2,"mediaType":")", kIndex,
                                 R"(","manifests":null})")},
                false),
       kAsk},
      {"L7_two_pages", 0, two_pages, kAsk},
      {"L7_said_to_be_filtered", 0, said_to_be_filtered, kAsk},
      {"L7_fallback_of_sha512", 0, fallback_of_sha512, kAsk},
      {"L7_fallback_is_an_image", 0, fallback_is_an_image, kAsk},
      {"L7_another_subject", 0, other_subject(false), kAsk},
      {"L7_another_subject_under_the_fallback", 0, other_subject(true), kAsk},
  };
}

INSTANTIATE_TEST_SUITE_P(Pages, InvariantsTest, testing::ValuesIn(page_faults()), name_of);
INSTANTIATE_TEST_SUITE_P(Lists, InvariantsTest, testing::ValuesIn(list_faults()), name_of);
INSTANTIATE_TEST_SUITE_P(Referrers, InvariantsTest, testing::ValuesIn(referrer_faults()), name_of);

}  // namespace
}  // namespace digestfs
