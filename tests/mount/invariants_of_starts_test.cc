// SPDX-License-Identifier: Apache-2.0
// Cases of the reference (section 11) that the start of the program meets: catalogues,
// certificates, proxies, and a cache that another mount has left. It is refused with an exit code
// and a message that says what is wrong, in time (I4), with nothing wrong in the cache (I1) and no
// secret shown or sent (I2); and once what was inflicted is healed, the same command mounts (I3).
#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <ostream>
#include <thread>

#include <gtest/gtest.h>

#include "base/text.h"
#include "tests/mount/world.h"
#include "tests/support/own_address.h"
#include "tests/support/test_authority.h"

namespace digestfs {
namespace {

using test::World;
using Received = World::Received;
using Response = World::Response;
using Transport = World::Transport;
using namespace std::chrono_literals;

constexpr auto kDeadline = 30s;
constexpr const char* kProxyPassword = "proxy-is-secret";

/// EXIT STATUS of digestfs(1).
enum class Exit {
  mounts = 0,
  other = 1,
  usage = 2,
  denied = 12,
  unreachable = 13,
  cache_unusable = 14
};

/// Where the registry is; an address that is not loopback has to prove who is there.
enum class Place { loopback, own_address };

/// A world, and the command line of who wants to mount what is in it.
struct Scene {
  Scene(Transport transport, Place place)
      : world(transport, place == Place::loopback ? "127.0.0.1" : test::own_address().value()) {
    world.cache = cache;
  }

  [[nodiscard]] std::vector<std::string> options() const {
    std::vector<std::string> all = {"--authfile",  world.directory.path() / "auth.json",
                                    "--cache-dir", cache,
                                    "--timeout",   "2",
                                    "--log-level", "debug"};
    all.insert(all.end(), more_options.begin(), more_options.end());
    return all;
  }
  /// The registry has to prove who it is to `certificate`.
  void pin(const std::string& certificate = test::TestAuthority::instance().certificate()) {
    write_certificate("authority.crt", certificate);
  }
  void write_certificate(const std::string& name, const std::string& text) {
    std::ofstream(world.directory.path() / "certs" / name) << text;
    more_options = {"--cert-dir", world.directory.path() / "certs"};
  }
  void remove_certificate(const std::string& name) const {
    std::filesystem::remove(world.directory.path() / "certs" / name);
  }
  /// Whatever is asked through a proxy is asked through the CDN.
  void use_proxy(const std::string& no_proxy = "") {
    environment.push_back(
        str_cat("HTTPS_PROXY=http://me:", kProxyPassword, "@", world.cdn.address()));
    environment.push_back("NO_PROXY=" + no_proxy);
  }

  test::TemporaryDirectory directory;
  std::filesystem::path cache = directory.path() / "cache";
  World world;
  std::string source = world.registry.source();
  std::vector<std::string> more_options;
  std::vector<std::string> environment = {"-u", "HTTPS_PROXY", "-u", "https_proxy",
                                          "-u", "ALL_PROXY",   "-u", "all_proxy"};
  std::function<void()> heal = [] {};  ///< takes back what healing the world does not
  std::function<void()> check = [] {};
};

struct Start {
  std::string name;  ///< begins with the id of its case
  Exit exit;
  std::string says;  ///< a part of what is printed; two parts have `…` between them
  std::function<void(Scene&)> arrange;
  Transport transport = Transport::plain;
  Place place = Place::loopback;
};

void PrintTo(const Start& start, std::ostream* out) { *out << start.name; }

// --- challenges ------------------------------------------------------------------------

void greet_without_a_challenge(Scene& scene) {
  scene.world.registry.on([](const Received& request) -> std::optional<Response> {
    if (request.path() != "/v2/") return std::nullopt;
    return Response{.body = "{}"};
  });
  scene.check = [&world = scene.world] {
    EXPECT_EQ(world.tokens.requests().size(), 1U) << "one token";
    EXPECT_EQ(world.registry.count("GET", world.registry.path("/tags/list")), 2U) << "one replay";
  };
}

void want_basic_of_nobody(Scene& scene) {
  World& world = scene.world;
  world.write_authfile("{}");
  world.registry.on([](const Received&) { return World::refusal("Basic realm=\"x\""); });
  scene.check = [&world] {
    std::set<std::string> asked;
    for (const Received& request : world.registry.requests()) {
      EXPECT_EQ(request.field("Authorization"), "") << request.target;
      EXPECT_TRUE(asked.insert(request.target).second) << request.target << " is asked again";
    }
  };
}

void lead_to_a_realm_on_loopback(Scene& scene) {
  World& world = scene.world;
  scene.pin();
  world.challenge(World::refusal(
      str_cat("Bearer realm=\"https://", world.cdn.address(), "/token\",service=\"s\"")));
  scene.check = [&world] { EXPECT_EQ(world.cdn.connections(), 0U); };
}

// --- L5: catalogues --------------------------------------------------------------------

/// The registry lists no repositories, and nothing is wrong with it. What mounts is a repository.
std::function<void(Scene&)> no_catalogue(int status) {
  return [status](Scene& scene) {
    World& world = scene.world;
    scene.source = world.registry.address() + "/";
    const auto refuse = [&world, status] {
      Response response{.status = status};
      if (status == 401) {
        response = World::refusal(
            world.bearer(",error=\"insufficient_scope\",scope=\"registry:catalog:*\""));
      }
      world.registry.on("/v2/_catalog", response);
    };
    refuse();
    scene.heal = [&scene, refuse] {
      refuse();
      scene.source = scene.world.registry.source();
    };
  };
}

// --- L11: certificates -----------------------------------------------------------------

/// No request comes through, encrypted or not.
void expect_no_request(Scene& scene) {
  scene.check = [&world = scene.world] {
    EXPECT_TRUE(world.registry.requests().empty()) << world.registry.requests().front().target;
    EXPECT_EQ(world.tokens.connections(), 0U);
  };
}

/// Of a client's certificate and its key one is missing.
std::function<void(Scene&)> half_a_pair(const std::string& name) {
  return [name](Scene& scene) {
    scene.pin();
    const auto& authority = test::TestAuthority::instance();
    scene.write_certificate(
        name, name.ends_with(".key") ? authority.client_key() : authority.client_certificate());
    scene.heal = [&scene, name] { scene.remove_certificate(name); };
    expect_no_request(scene);
  };
}

void wrong_authority(Scene& scene) {
  scene.pin(test::TestAuthority::instance().client_certificate());
  scene.heal = [&scene] { scene.pin(); };
  expect_no_request(scene);
}

/// What answers at the registry's port speaks `transport`, where TLS is to be proven.
std::function<void(Scene&)> answers_with(Transport transport) {
  return [transport](Scene& scene) {
    scene.pin();
    scene.world.registry.speak(transport);
    scene.heal = [&world = scene.world] { world.registry.speak(Transport::tls); };
    expect_no_request(scene);
  };
}

void is_far_and_speaks_http(Scene& scene) {
  scene.heal = [&scene] {
    scene.world.registry.speak(Transport::tls);
    scene.world.tokens.speak(Transport::tls);
    scene.world.heal();
    scene.pin();
  };
  expect_no_request(scene);
}

void ask_for_tokens_where_there_is_tls(Scene& scene) {
  World& world = scene.world;
  const std::string challenge = world.bearer();
  world.tokens.speak(Transport::tls);
  world.challenge(World::refusal(challenge));
  scene.heal = [&world] {
    world.tokens.speak(Transport::plain);
    world.heal();
  };
}

// --- L12: proxies ----------------------------------------------------------------------

/// All goes through a proxy that answers so, by whichever name the registry has.
std::function<void(Scene&)> proxy_answers(int status) {
  return [status](Scene& scene) {
    scene.pin();
    scene.use_proxy();
    const Response answer{
        .status = status,
        .fields = {{"Content-Type", "text/html"}, {"Proxy-Authenticate", "Basic realm=\"proxy\""}},
        .body = "<html><h1>The proxy says no</h1></html>"};
    scene.world.cdn.on([answer](const Received&) { return answer; });
    scene.heal = [&scene] { scene.environment.push_back("NO_PROXY=*"); };
    scene.check = [&world = scene.world] {
      ASSERT_FALSE(world.cdn.requests().empty()) << "the proxy was not asked";
      for (const Received& request : world.cdn.requests()) EXPECT_EQ(request.method, "CONNECT");
      EXPECT_EQ(world.registry.connections(), 0U) << "the registry is asked past the proxy";
    };
  };
}

/// The proxy is not asked where NO_PROXY is what `words` make of the world.
std::function<void(Scene&)> goes_past_the_proxy(
    const std::function<std::string(const World&)>& words) {
  return [words](Scene& scene) {
    scene.pin();
    scene.use_proxy(words(scene.world));
    scene.check = [&world = scene.world] { EXPECT_EQ(world.cdn.connections(), 0U); };
  };
}

std::string host_of(const World& world) {
  const std::string address = world.registry.address();
  return address.substr(0, address.find(':'));
}

std::string network_of(const World& world) {
  const std::string host = host_of(world);
  return str_cat("10.255.255.0/30,", host.substr(0, host.rfind('.')), ".0/24");
}

std::string addresses_of(const World& world) {
  return str_cat(world.registry.address(), " , ", world.tokens.address());
}

/// The registry has a name that only the proxy knows, and NO_PROXY is `words`.
std::function<void(Scene&)> named(const std::string& words, bool is_asked) {
  return [words, is_asked](Scene& scene) {
    scene.use_proxy(words);
    scene.world.cdn.on([](const Received&) { return Response{.status = 407}; });
    scene.source = "registry.proxied.invalid/test/repo";
    scene.heal = [&scene] { scene.source = scene.world.registry.source(); };
    scene.check = [&world = scene.world, is_asked] {
      EXPECT_EQ(world.cdn.connections() > 0, is_asked) << "the proxy";
    };
  };
}

// --- B10: what another mount left ------------------------------------------------------

void kill_in_mid_download(Scene& scene) {
  static constexpr std::uint64_t kSent = 100'000;
  World& world = scene.world;
  world.answer(world.victim_path(), [&world](const Received& request) -> std::optional<Response> {
    if (request.method != "GET" || !world.first.exchange(false)) return std::nullopt;
    return Response{.body = world.victim(), .stall_after = kSent};
  });
  test::Mounted killed(DIGESTFS_BINARY, scene.source, scene.options(), scene.environment);
  const std::jthread reader([&] {
    const auto seen =
        test::look(killed.path(), test::Reading::Of::content, "blobs/" + world.digest(0));
    EXPECT_NE(seen.error, 0);
    EXPECT_EQ(seen.seen, "");
  });
  const auto partial =
      scene.cache / "partial/sha256" / std::string(world.image.layers[0].digest.encoded());
  std::error_code absent;
  for (int i = 0; i < 2000 && std::filesystem::file_size(partial, absent) != kSent; ++i) {
    std::this_thread::sleep_for(5ms);
  }
  killed.process().signal(SIGKILL);
  EXPECT_EQ(killed.process().wait(10s), 128 + SIGKILL);
  world.registry.release();
  scene.check = [&world] {
    const auto requests = world.registry.requests();
    EXPECT_TRUE(std::ranges::any_of(requests, [&](const Received& request) {
      return request.path() == world.registry.path(world.victim_path()) &&
             request.field("Range").starts_with("bytes=");
    })) << "the download does not go on where it was cut";
  };
}

void put_a_file_where_the_cache_is(Scene& scene) {
  std::ofstream(scene.cache) << "a file";
  scene.heal = [&scene] { std::filesystem::remove(scene.cache); };
}

std::vector<Start> starts() {
  using enum Exit;
  constexpr auto kOwn = Place::own_address;
  constexpr auto kTls = Transport::tls;
  constexpr auto kPlain = Transport::plain;
  const auto nothing = [](Scene&) {};
  const std::string does_not_say = "is a registry…it does not say which it has";
  const std::string by_proxy = "(through the proxy http://127.0.0.1:";
  return {
      {"A3_greets_without_a_challenge", mounts, "", greet_without_a_challenge},
      {"A8_realm_on_loopback", denied, "https://127.0.0.1:", lead_to_a_realm_on_loopback, kTls,
       kOwn},
      {"A12_basic_and_nobody_logged_in", denied, "there are no credentials", want_basic_of_nobody},
      {"B10_killed_in_mid_download", mounts, "", kill_in_mid_download},
      {"B10_cache_that_is_a_file", cache_unusable, "cannot use the cache",
       put_a_file_where_the_cache_is},
      {"L5_401", usage, does_not_say, no_catalogue(401)},
      {"L5_403", usage, does_not_say, no_catalogue(403)},
      {"L5_404", usage, does_not_say, no_catalogue(404)},
      {"L5_405", usage, does_not_say, no_catalogue(405)},
      {"L11_certificate_without_a_key", other, "certs/client.key", half_a_pair("client.cert"),
       kTls},
      {"L11_key_without_a_certificate", other, "certs/client.cert", half_a_pair("client.key"),
       kTls},
      {"L11_wrong_authority", unreachable, "certificate", wrong_authority, kTls},
      {"L11_expired", unreachable, "certificate…expired", answers_with(Transport::expired), kTls},
      {"L11_of_another_host", unreachable, "certificate…name", answers_with(Transport::elsewhere),
       kTls},
      {"L11_http_where_there_was_TLS", unreachable, "SSL", answers_with(kPlain), kTls},
      {"L11_no_authority_pinned_on_loopback", mounts, "", nothing, Transport::elsewhere},
      {"L11_no_authority_pinned_far_away", unreachable, "certificate",
       [](Scene& scene) {
         scene.heal = [&scene] { scene.pin(); };
         expect_no_request(scene);
       },
       kTls, kOwn},
      {"L11_http_far_away", unreachable, "SSL", is_far_and_speaks_http, kPlain, kOwn},
      {"L11_TLS_where_there_was_http", unreachable, "/token", ask_for_tokens_where_there_is_tls},
      {"L12_proxy_wants_to_know_who_asks", denied,
       "the proxy answered 407; it wants to know who asks " + by_proxy, proxy_answers(407), kTls,
       kOwn},
      {"L12_proxy_has_a_page", unreachable,
       "the proxy answered 502 and does not connect us " + by_proxy, proxy_answers(502), kTls,
       kOwn},
      {"L12_past_the_proxy_by_network", mounts, "", goes_past_the_proxy(network_of), kTls, kOwn},
      {"L12_past_the_proxy_by_host", mounts, "", goes_past_the_proxy(host_of), kTls, kOwn},
      {"L12_past_the_proxy_by_host_and_port", mounts, "", goes_past_the_proxy(addresses_of), kTls,
       kOwn},
      {"L12_past_the_proxy_by_suffix", unreachable, "registry.proxied.invalid",
       named(".proxied.invalid", false)},
      {"L12_past_the_proxy_by_domain", unreachable, "registry.proxied.invalid",
       named("proxied.invalid", false)},
      {"L12_another_suffix", denied, by_proxy, named(".other.invalid,oxied.invalid", true)},
  };
}

class StartsTest : public testing::TestWithParam<Start> {
 protected:
  /// Runs the program to its end, and tells what it printed.
  std::string refusal(const Scene& scene) {
    const test::TemporaryDirectory mountpoint;
    const auto log = scene.directory.path() / "log";
    std::vector<std::string> arguments = {"env"};
    arguments.insert(arguments.end(), scene.environment.begin(), scene.environment.end());
    arguments.insert(arguments.end(), {DIGESTFS_BINARY, "-f"});
    for (std::string& option : scene.options()) arguments.push_back(std::move(option));
    arguments.insert(arguments.end(), {scene.source, mountpoint.path()});
    test::Process process(arguments, log);
    EXPECT_EQ(process.wait(kDeadline), static_cast<int>(GetParam().exit))
        << "I4, where it still runs";
    return test::slurp(log);
  }

  /// Mounts, reads, and tells what was printed.
  std::string mount(const Scene& scene) {
    const auto since = std::chrono::steady_clock::now();
    const test::Mounted mounted(DIGESTFS_BINARY, scene.source, scene.options(), scene.environment);
    EXPECT_LT(std::chrono::steady_clock::now() - since, kDeadline) << "I4";
    for (const std::size_t layer : {1U, 0U}) {
      test::expect(mounted.path(),
                   test::content("blobs/" + scene.world.digest(layer), scene.world.bytes(layer)));
    }
    return mounted.log();
  }

  static void expect_invariants(const Scene& scene, const std::string& printed) {
    EXPECT_EQ(test::wrong_files(scene.cache), std::vector<std::string>()) << "I1";
    scene.world.expect_no_secret(printed, "what is printed");
    EXPECT_EQ(printed.find(kProxyPassword), std::string::npos) << "I2 " << printed;
    scene.world.expect_requests_are_harmless();
  }

  static void expect_to_say(const std::string& parts, const std::string& printed) {
    constexpr std::string_view kBetween = "…";
    std::size_t from = 0;
    for (std::size_t at = 0; at <= parts.size();) {
      const auto end = std::min(parts.find(kBetween, at), parts.size());
      const std::string part = parts.substr(at, end - at);
      const auto found = printed.find(part, from);
      ASSERT_NE(found, std::string::npos) << '"' << part << "\" is not in\n" << printed;
      from = found + part.size();
      at = end + kBetween.size();
    }
  }
};

TEST_P(StartsTest, Hold) {
  const Start& start = GetParam();
  if (start.place == Place::own_address && !test::own_address()) {
    GTEST_SKIP() << "this machine has no address but loopback";
  }
  Scene scene(start.transport, start.place);
  start.arrange(scene);
  if (start.exit != Exit::mounts) {
    const std::string printed = refusal(scene);
    // The last line is the message; those before it are the log.
    expect_to_say(start.says, printed.substr(std::min(printed.find("digestfs: "), printed.size())));
    scene.check();
    expect_invariants(scene, printed);
    scene.world.heal();
    scene.heal();
  }
  const std::string printed = mount(scene);
  if (start.exit == Exit::mounts) scene.check();
  expect_invariants(scene, printed);
  if (HasFailure()) ADD_FAILURE() << printed;
}

INSTANTIATE_TEST_SUITE_P(Starts, StartsTest, testing::ValuesIn(starts()),
                         [](const auto& start) { return start.param.name; });

}  // namespace
}  // namespace digestfs
