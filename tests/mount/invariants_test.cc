// SPDX-License-Identifier: Apache-2.0
// What holds whatever a registry does (reference 11): I1 the cache has only files that hash to
// their names, I2 no secret is where it should not be, I3 what is healthy can be read, I4 nobody
// waits for longer than the deadlines say. One row per case of 11.1 to 11.5, inflicted on a real
// mount of a registry that wants tokens, by a token server that wants a password.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ostream>
#include <system_error>

#include <gtest/gtest.h>
#include <sys/xattr.h>

#include "base/base64.h"
#include "base/text.h"
#include "tests/support/fake_registry.h"
#include "tests/support/image_builder.h"
#include "tests/support/mounted.h"

namespace digestfs {
namespace {

using test::FakeRegistry;
using test::Mounted;
using Request = FakeRegistry::Request;
using Response = FakeRegistry::Response;
using namespace std::chrono_literals;

const std::string kPassword = "hunter2-is-secret";
const std::string kBasic = encode_base64("me:" + kPassword);
const std::string kToken = "token-is-secret-";
const std::string kSignature = "signature-is-secret";

// More than any sum of attempts, waits and stalls of one open(2) with --timeout 2; a test of these
// sums is in client_retry_test.cc.
constexpr auto kDeadline = 60s;

/// A registry, its token server and its CDN, all well.
struct World {
  World() {
    set.tag("known", image.manifest);
    const auto other = test::add_image(set, {test::gzip_layer({{"other", "content"}})});
    set.tag("t", other.manifest);
    manifest = set.objects().at(other.manifest.digest).bytes;
    manifest_type = other.manifest.media_type;
    manifest_digest = other.manifest.digest.str();
    registry.add(set);
    heal();
  }

  /// Takes back what was inflicted.
  void heal() {
    registry.clear_handlers();
    tokens.clear_handlers();
    cdn.clear_handlers();
    registry.release();
    registry.on([this](const Request& request) -> std::optional<Response> {
      if (is_authorised(request)) return std::nullopt;
      return refusal(bearer());
    });
    tokens.on([this](const Request& request) -> std::optional<Response> {
      if (request.field("Authorization") != "Basic " + kBasic) return Response{.status = 401};
      return Response{.body = str_cat(R"({"token":")", token(), R"(","expires_in":300})")};
    });
  }

  [[nodiscard]] std::string token() const { return kToken + std::to_string(generation); }
  [[nodiscard]] bool is_authorised(const Request& request) const {
    return request.field("Authorization") == "Bearer " + token();
  }
  [[nodiscard]] std::string bearer(const std::string& more = "") const {
    return str_cat("Bearer realm=\"http://", tokens.address(), "/token\",service=\"s\"", more);
  }
  [[nodiscard]] static Response refusal(const std::string& challenge) {
    return {.status = 401, .fields = {{"WWW-Authenticate", challenge}}};
  }

  /// The registry answers whoever has not got its token with `response`, which is a challenge.
  void challenge(const Response& response) {
    registry.on([this, response](const Request& request) -> std::optional<Response> {
      return is_authorised(request) ? std::nullopt : std::optional(response);
    });
  }

  /// The token server answers with that.
  void token_answer(const Response& response) { tokens.on("/token", response); }

  /// Requests below `prefix` by whoever has the token are answered so; nothing leaves it be.
  void answer(const std::string& prefix,
              std::function<std::optional<Response>(const Request&)> response) {
    registry.on([this, prefix = registry.path(prefix), response = std::move(response)](
                    const Request& request) -> std::optional<Response> {
      if (!is_authorised(request) || !request.path().starts_with(prefix)) return std::nullopt;
      return response(request);
    });
  }
  void answer(const std::string& prefix, const Response& response) {
    answer(prefix, [response](const Request&) { return response; });
  }
  /// The same for the blob that is read, the first `times`.
  void blob_answer(const Response& response, int times = 1000) {
    auto left = std::make_shared<std::atomic<int>>(times);
    answer(victim_path(), [left, response](const Request&) {
      return (*left)-- > 0 ? std::optional(response) : std::nullopt;
    });
  }
  /// The first answer for the blob is cut, and whoever goes on gets `response`.
  void resumed_answer(const Response& response) {
    answer(victim_path(), [this, response](const Request& request) {
      return request.field("Range").empty() && request.method == "GET" && first.exchange(false)
                 ? std::optional(Response{.body = victim(), .cut = 100'000})
             : request.field("Range").empty() ? std::nullopt
                                              : std::optional(response);
    });
  }
  void redirect(const std::string& location, int status = 307) {
    blob_answer({.status = status, .fields = {{"Location", location}}});
  }
  [[nodiscard]] std::string on_cdn(const std::string& target) const {
    return str_cat("http://", cdn.address(), target);
  }

  [[nodiscard]] std::string victim_path() const { return "/blobs/" + digest(0); }
  [[nodiscard]] std::string digest(std::size_t layer) const {
    return image.layers[layer].digest.str();
  }
  [[nodiscard]] const std::string& bytes(std::size_t layer) const {
    return set.objects().at(image.layers[layer].digest).bytes;
  }
  [[nodiscard]] const std::string& victim() const { return bytes(0); }

  test::ObjectSet set;
  test::Image image =
      test::add_image(set, {test::gzip_layer({{"victim", test::noise(200'000)}}),
                            test::gzip_layer({{"healthy", test::noise(100'000, 2)}}),
                            test::gzip_layer({{"cached", test::noise(100'000, 3)}})});
  std::string manifest;
  std::string manifest_type;
  std::string manifest_digest;
  std::atomic<int> generation = 1;
  std::atomic<bool> first = true;
  // The last, and so the first to end: their handlers use all the others.
  FakeRegistry registry;
  FakeRegistry tokens;
  FakeRegistry cdn;
};

struct Fault {
  const char* name;
  /// The errno that reading it ends with; 0 where its bytes are to be right.
  int expected;
  std::function<void(World&)> inflict;
  enum class Victim {
    blob,      ///< a layer
    manifest,  ///< of a tag that was not met before
  } victim = Victim::blob;
  /// Nothing more is to be asked for after it, healthy or not.
  bool closes_gate = false;
};

void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }

void token_expires(World& world) { ++world.generation; }

std::vector<Fault> login_faults() {
  const auto realm = [](const std::string& url) {
    return [url](World& world) {
      token_expires(world);
      world.challenge(World::refusal(str_cat("Bearer realm=\"", url, "\",service=\"s\"")));
    };
  };
  const auto tokens = [](const Response& response) {
    return [response](World& world) {
      token_expires(world);
      world.token_answer(response);
    };
  };
  const auto variant = [](const std::string& body) {
    return [body](World& world) {
      token_expires(world);
      std::string answer = body;
      answer.replace(answer.find('@'), 1, world.token());
      world.token_answer({.body = answer});
    };
  };
  const auto in_turn = [](const Response& bad, int times) {
    return [bad, times](World& world) {
      token_expires(world);
      world.tokens.on([left = std::make_shared<std::atomic<int>>(times),
                       bad](const Request&) -> std::optional<Response> {
        return (*left)-- > 0 ? std::optional(bad) : std::nullopt;
      });
    };
  };
  return {
      {"A1_two_challenges_in_one_line", 0,
       [](World& world) {
         token_expires(world);
         world.challenge(World::refusal("Basic realm=\"x\", " +
                                        world.bearer(",scope=\"repository:a/b:pull,push\"")));
       }},
      {"A2_two_lines_of_challenges", 0,
       [](World& world) {
         token_expires(world);
         world.challenge({.status = 401,
                          .fields = {{"WWW-Authenticate", "Negotiate"},
                                     {"WWW-Authenticate",
                                      str_cat("bearer Realm = \"http://", world.tokens.address(),
                                              "/token\" , SERVICE=s")}}});
       }},
      {"A4_refused_without_a_challenge", EACCES,
       [](World& world) { world.registry.on(world.registry.path("/blobs/"), {.status = 401}); }},
      {"A5_token_expires_in_mid_body", 0,
       [](World& world) {
         world.answer(world.victim_path(), [&world](const Request&) -> std::optional<Response> {
           if (!world.first.exchange(false)) return std::nullopt;
           token_expires(world);
           return Response{.body = world.victim(), .cut = 100'000};
         });
         world.challenge(World::refusal(world.bearer(",error=\"invalid_token\"")));
       }},
      {"A6_only_access_token", 0, variant(R"({"access_token":"@","expires_in":300})")},
      {"A6_no_expires_in", 0, variant(R"({"token":"@"})")},
      {"A6_expires_in_10", 0, variant(R"({"token":"@","expires_in":10})")},
      {"A6_issued_in_the_future", 0,
       variant(R"({"token":"@","expires_in":300,"issued_at":"2999-01-01T00:00:00Z"})")},
      {"A6_issued_long_ago", 0,
       variant(R"({"token":"@","expires_in":300,"issued_at":"2001-01-01T00:00:00Z"})")},
      {"A6_expires_in_text", 0, variant(R"({"token":"@","expires_in":"300"})")},
      {"A7_html", EIO, tokens({.body = "<html>sign in</html>"})},
      {"A7_no_token", EIO, tokens({.body = "{}"})},
      {"A7_five_mebibytes", EIO, tokens({.body = std::string(5U << 20U, ' ')})},
      {"A7_401", EACCES, tokens({.status = 401})},
      {"A7_403", EACCES, tokens({.status = 403})},
      {"A7_500_twice", 0, in_turn({.status = 500}, 2)},
      {"A7_429_once", 0, in_turn({.status = 429, .fields = {{"Retry-After", "1"}}}, 1)},
      {"A8_link_local", EACCES, realm("http://169.254.169.254/token")},
      {"A8_private_network", EACCES, realm("http://10.1.2.3/token")},
      {"A8_file", EACCES, realm("file:///etc/passwd")},
      {"A8_nothing", EACCES, realm("")},
      {"A10_scope_of_another_repository", EACCES,
       [](World& world) {
         world.registry.on(
             world.registry.path("/blobs/"),
             World::refusal(world.bearer(
                 ",error=\"insufficient_scope\",scope=\"repository:other/repo:pull\"")));
       }},
      {"A11_basic_challenge_to_a_token", 0,
       [](World& world) {
         token_expires(world);
         world.challenge(World::refusal("Basic realm=\"harbor\""));
       }},
  };
}

std::vector<Fault> redirect_faults() {
  const auto to = [](const std::string& location) {
    return [location](World& world) { world.redirect(location); };
  };
  const auto to_cdn = [](int status) {
    return [status](World& world) {
      world.cdn.on("/data", {.body = world.victim()});
      world.redirect(world.on_cdn("/data?sig=" + kSignature), status);
    };
  };
  return {
      {"R1_to_another_port_by_307", 0, to_cdn(307)},
      {"R1_to_another_port_by_302", 0, to_cdn(302)},
      {"R2_to_another_path", 0,
       [](World& world) {
         world.redirect("/data");
         world.registry.on([&world](const Request& request) -> std::optional<Response> {
           if (request.path() != "/data") return std::nullopt;
           if (!world.is_authorised(request)) return World::refusal(world.bearer());
           return Response{.body = world.victim()};
         });
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
      {"R5_to_a_file", EIO, to("file:///etc/passwd")},
      {"R5_to_ftp", EIO, to("ftp://127.0.0.1/x")},
      {"R5_to_link_local", EIO, to("http://169.254.169.254/latest/meta-data")},
      {"R6_url_has_expired_for_the_second_part", 0,
       [](World& world) {
         auto links = std::make_shared<std::atomic<int>>(0);
         world.answer(world.victim_path(), [&world, links](const Request&) {
           return Response{
               .status = 307,
               .fields = {{"Location", world.on_cdn(str_cat("/", ++*links, "?sig=", kSignature))}}};
         });
         world.cdn.on([&world](const Request& request) -> std::optional<Response> {
           if (world.first.exchange(false)) return Response{.body = world.victim(), .cut = 100'000};
           if (request.path() == "/2") return Response{.status = 403, .body = "<Error/>"};
           if (request.field("Range") != "bytes=100000-") return Response{.status = 400};
           return Response{
               .status = 206,
               .fields = {{"Content-Range", str_cat("bytes 100000-", world.victim().size() - 1, "/",
                                                    world.victim().size())}},
               .body = world.victim().substr(100'000)};
         });
       }},
      {"R7_cdn_refuses_head", 0,
       [](World& world) {
         world.cdn.on([&world](const Request& request) -> std::optional<Response> {
           if (request.method == "HEAD") return Response{.status = 403};
           return Response{.body = world.victim()};
         });
         world.redirect(world.on_cdn("/data?sig=" + kSignature));
       }},
      {"R8_to_another_registry", EACCES,
       [](World& world) {
         world.cdn.on("/", World::refusal(world.bearer()));
         world.redirect(world.on_cdn("/v2/other/repo/blobs/x"));
       }},
  };
}

std::vector<Fault> manifest_faults() {
  constexpr auto kManifest = Fault::Victim::manifest;
  const auto named = [](const std::string& digest) {
    return [digest](World& world) {
      world.answer("/manifests/t", Response{.fields = {{"Docker-Content-Digest", digest},
                                                       {"Content-Type", world.manifest_type}},
                                            .body = world.manifest});
    };
  };
  const auto head = [](const Response& response) {
    return [response](World& world) {
      world.answer("/manifests/t", [response](const Request& request) {
        return request.method == "HEAD" ? std::optional(response) : std::nullopt;
      });
    };
  };
  const auto typed = [](const std::string& type) {
    return [type](World& world) {
      world.answer("/manifests/",
                   [&world, type](const Request& request) -> std::optional<Response> {
                     if (!request.path().ends_with("/t") &&
                         !request.path().ends_with(world.manifest_digest)) {
                       return std::nullopt;
                     }
                     return Response{.fields = {{"Docker-Content-Digest", world.manifest_digest},
                                                {"Content-Type", type}},
                                     .body = world.manifest};
                   });
    };
  };
  const auto status = [](int code) {
    return [code](World& world) { world.answer("/manifests/", Response{.status = code}); };
  };
  return {
      {"M1_digest_of_something_else", 0, named(digest_of("else").str()), kManifest},
      {"M1_digest_that_is_none", 0, named("garbage"), kManifest},
      {"M2_another_manifest", EIO,
       [](World& world) {
         world.answer("/manifests/sha256:",
                      Response{.fields = {{"Docker-Content-Digest", world.manifest_digest},
                                          {"Content-Type", world.manifest_type}},
                               .body = world.set.objects().at(world.image.manifest.digest).bytes});
       },
       kManifest},
      {"M3_head_405", 0, head({.status = 405}), kManifest},
      {"M3_head_without_a_digest", 0, head({.body = "x"}), kManifest},
      {"M3_head_404", ENOENT, head({.status = 404}), kManifest},
      {"M3_head_403_without_a_body", 0, head({.status = 403}), kManifest},
      {"M4_plain_text", 0, typed("text/plain"), kManifest},
      {"M4_with_parameters", 0, typed("application/vnd.oci.image.manifest.v1+json; charset=utf-8"),
       kManifest},
      {"M6_without_end", EFBIG,
       [](World& world) {
         world.answer("/manifests/sha256:",
                      Response{.body = std::string(5U << 20U, ' '), .unframed = true});
       },
       kManifest},
      {"M15_401", EACCES, status(401), kManifest},
      {"M15_403", EACCES, status(403), kManifest},
      {"M15_404", ENOENT, status(404), kManifest},
      {"M15_429", EAGAIN, status(429), kManifest},
      {"M15_500", ETIMEDOUT, status(500), kManifest},
  };
}

std::vector<Fault> blob_faults() {
  const auto once = [](const std::function<Response(const World&)>& bad) {
    return [bad](World& world) { world.blob_answer(bad(world), 1); };
  };
  const auto always = [](const std::function<Response(const World&)>& bad) {
    return [bad](World& world) { world.blob_answer(bad(world)); };
  };
  const auto resumed = [](const std::function<Response(const World&)>& answer) {
    return [answer](World& world) { world.resumed_answer(answer(world)); };
  };
  const auto limited = [](const std::string& after) {
    return [after](World& world) {
      world.blob_answer({.status = 429, .fields = {{"Retry-After", after}}}, 1);
    };
  };
  const auto range = [](const World& world, std::uint64_t from, std::uint64_t to,
                        std::uint64_t total) {
    return Response{.status = 206,
                    .fields = {{"Content-Range", str_cat("bytes ", from, "-", to, "/", total)}},
                    .body = world.victim().substr(from)};
  };
  const auto flipped = [](const World& world) {
    std::string bytes = world.victim();
    bytes[1000] = static_cast<char>(bytes[1000] ^ 1);
    return bytes;
  };
  return {
      {"B1_reset", 0, once([](const World& world) {
         return Response{.body = world.victim(), .cut = 100'000, .reset = true};
       })},
      {"B1_closed", 0,
       once([](const World& world) { return Response{.body = world.victim(), .cut = 100'000}; })},
      {"B1_closed_without_a_length", 0, once([](const World& world) {
         return Response{.body = world.victim(), .unframed = true, .cut = 100'000};
       })},
      {"B2_all_of_it", 0,
       resumed([](const World& world) { return Response{.body = world.victim()}; })},
      {"B2_from_byte_0", 0, resumed([range](const World& world) {
         return range(world, 0, world.victim().size() - 1, world.victim().size());
       })},
      {"B2_wrong_total", 0, resumed([range](const World& world) {
         return range(world, 100'000, world.victim().size() - 1, world.victim().size() + 7);
       })},
      {"B2_no_range", 0, resumed([](const World& world) {
         return Response{.status = 206, .body = world.victim().substr(100'000)};
       })},
      {"B2_416", 0, resumed([](const World&) { return Response{.status = 416}; })},
      {"B2_other_bytes", 0, resumed([range](const World& world) {
         Response other = range(world, 100'000, world.victim().size() - 1, world.victim().size());
         other.body.assign(other.body.size(), 'x');
         return other;
       })},
      {"B3_one_byte_flipped", EIO,
       always([flipped](const World& world) { return Response{.body = flipped(world)}; })},
      {"B3_one_byte_flipped_once", 0,
       once([flipped](const World& world) { return Response{.body = flipped(world)}; })},
      {"B3_one_byte_more", EIO,
       always([](const World& world) { return Response{.body = world.victim() + "x"}; })},
      {"B3_one_byte_more_without_a_length", EIO, always([](const World& world) {
         return Response{.body = world.victim() + "x", .unframed = true};
       })},
      {"B3_nothing", EIO, always([](const World&) { return Response{}; })},
      {"B4_called_gzip", 0, always([](const World& world) {
         return Response{.fields = {{"Content-Encoding", "gzip"}}, .body = world.victim()};
       })},
      {"B4_gzip_once_more", 0, always([](const World& world) {
         return Response{.fields = {{"Content-Encoding", "gzip"}},
                         .body = test::gzip(world.victim())};
       })},
      {"B5_503_twice", 0, [](World& world) { world.blob_answer({.status = 503}, 2); }},
      {"B5_503_for_ever", ETIMEDOUT, [](World& world) { world.blob_answer({.status = 503}); }},
      {"B6_for_two_seconds", 0, limited("2")},
      {"B6_until_a_date_that_is_past", 0, limited("Wed, 21 Oct 2015 07:28:00 GMT")},
      {"B6_for_a_negative_time", 0, limited("-1")},
      {"B6_for_no_time_at_all", 0, limited("abc")},
      {"B6_for_six_hours", EAGAIN, limited("21600"), Fault::Victim::blob, true},
      {"B7_silence", ETIMEDOUT, always([](const World&) { return Response{.stall = true}; })},
      {"B7_silence_after_the_head", ETIMEDOUT, always([](const World& world) {
         return Response{.body = world.victim(), .stall_after = 0};
       })},
      {"B7_silence_in_mid_body", 0, once([](const World& world) {
         return Response{.body = world.victim(), .stall_after = 100'000};
       })},
      {"B7_slow_but_alive", 0,
       always([](const World& world) { return Response{.body = world.victim(), .pause = 400ms}; })},
  };
}

std::vector<Fault> all_faults() {
  std::vector<Fault> all;
  for (auto faults : {login_faults(), redirect_faults(), manifest_faults(), blob_faults()}) {
    std::ranges::move(faults, std::back_inserter(all));
  }
  return all;
}

/// The errno that reading the whole of `path` fails with, and else what is in it.
std::pair<int, std::string> read_all(const std::filesystem::path& path) {
  const auto since = std::chrono::steady_clock::now();
  std::pair<int, std::string> result;
  try {
    result.second = test::slurp(path);
  } catch (const std::system_error& error) {
    result.first = error.code().value();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - since, kDeadline) << "I4 " << path;
  return result;
}

/// All extended attributes of a file, names and values.
std::string xattrs_of(const std::filesystem::path& path) {
  std::array<char, 65536> buffer{};
  const ssize_t size = ::listxattr(path.c_str(), buffer.data(), buffer.size());
  std::string all;
  for (ssize_t at = 0; at < size;) {
    const std::string name = buffer.data() + at;
    at += static_cast<ssize_t>(name.size()) + 1;
    std::array<char, 4096> value{};
    const ssize_t got = ::getxattr(path.c_str(), name.c_str(), value.data(), value.size());
    all +=
        str_cat(name, "=",
                std::string_view(value.data(), got > 0 ? static_cast<std::size_t>(got) : 0), "\n");
  }
  return all;
}

class InvariantsTest : public testing::TestWithParam<Fault> {
 protected:
  InvariantsTest() {
    const auto authfile = directory.path() / "auth.json";
    std::ofstream(authfile) << R"({"auths":{")" << world.registry.address() << R"(":{"auth":")"
                            << kBasic << "\"}}}";
    mounted.emplace(DIGESTFS_BINARY, world.registry.source(),
                    std::vector<std::string>{"--authfile", authfile.native(), "--timeout", "2",
                                             "--log-level", "debug"});
  }

  [[nodiscard]] std::filesystem::path blob(std::size_t layer) const {
    return mounted->path() / "blobs" / world.digest(layer);
  }

  void expect_no_secret(const std::string& text, const std::string& where) const {
    for (const std::string& secret : {kPassword, kBasic, kToken, kSignature}) {
      EXPECT_EQ(text.find(secret), std::string::npos) << "I2 " << where << ":\n" << text;
    }
  }

  void expect_secrets_where_they_belong() const {
    expect_no_secret(mounted->log(), "the log");
    const auto problems = read_all(mounted->path() / ".digestfs/problems.jsonl");
    EXPECT_EQ(problems.first, 0);
    expect_no_secret(problems.second, "problems.jsonl");
    for (const auto& path : {blob(0), blob(1), mounted->path() / "tags/t", mounted->path()}) {
      expect_no_secret(xattrs_of(path), "xattrs of " + path.native());
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(mounted->cache())) {
      if (entry.is_regular_file()) expect_no_secret(test::slurp(entry.path()), entry.path());
    }
    const auto expect_not_sent = [](const FakeRegistry& to, const std::string& secret) {
      for (const Request& request : to.requests()) {
        EXPECT_EQ(request.target.find(secret), std::string::npos) << "I2 " << request.target;
        for (const auto& [name, value] : request.fields) {
          EXPECT_EQ(value.find(secret), std::string::npos) << "I2 " << request.target;
        }
      }
    };
    expect_not_sent(world.registry, kBasic);
    expect_not_sent(world.registry, kSignature);
    expect_not_sent(world.tokens, kToken);
    expect_not_sent(world.cdn, kBasic);
    expect_not_sent(world.cdn, kToken);
  }

  test::TemporaryDirectory directory;
  World world;
  std::optional<Mounted> mounted;
};

TEST_P(InvariantsTest, Hold) {
  const Fault& fault = GetParam();
  ASSERT_EQ(read_all(blob(2)), std::pair(0, world.bytes(2)));

  fault.inflict(world);
  const bool is_blob = fault.victim == Fault::Victim::blob;
  const auto [error, bytes] =
      read_all(is_blob ? blob(0) : mounted->path() / "tags/t/manifest.json");
  EXPECT_EQ(error, fault.expected) << mounted->log();
  if (error == 0) {
    EXPECT_EQ(bytes, is_blob ? world.victim() : world.manifest);
  } else {
    EXPECT_EQ(bytes, "");
  }
  EXPECT_EQ(read_all(blob(2)), std::pair(0, world.bytes(2))) << "I3: it is in the cache";

  world.heal();
  if (fault.closes_gate) {
    EXPECT_EQ(read_all(blob(1)).first, fault.expected) << "the gate is open";
  } else {
    EXPECT_EQ(read_all(blob(1)), std::pair(0, world.bytes(1))) << "I3 " << mounted->log();
  }
  EXPECT_EQ(test::wrong_files(mounted->cache()), std::vector<std::string>()) << "I1";
  expect_secrets_where_they_belong();
}

INSTANTIATE_TEST_SUITE_P(Reference, InvariantsTest, testing::ValuesIn(all_faults()),
                         [](const auto& fault) { return std::string(fault.param.name); });

}  // namespace
}  // namespace digestfs
