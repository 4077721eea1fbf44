// SPDX-License-Identifier: Apache-2.0
// Reference 11.1: registries that want to know who asks, token servers, and logins that users keep.
#include <atomic>
#include <cerrno>
#include <memory>
#include <thread>

#include "base/base64.h"
#include "base/text.h"
#include "tests/mount/invariants.h"

namespace digestfs {
namespace {

const std::string kIdentity = "identity-is-secret";

Inflict realm(const std::string& url) {
  return [url](World& world) {
    world.expire_token();
    world.challenge(World::refusal(str_cat("Bearer realm=\"", url, "\",service=\"s\"")));
  };
}

Inflict tokens(const Response& response) {
  return [response](World& world) {
    world.expire_token();
    world.token_answer(response);
  };
}

/// Twenty blobs that nobody has met.
std::vector<test::Reading> many_blobs(World& world) {
  std::vector<test::Reading> readings;
  for (int i = 0; i < 20; ++i) {
    const std::string bytes = str_cat("blob ", i);
    readings.push_back(
        test::content("blobs/" + world.registry.add_blob(bytes).digest.str(), bytes));
  }
  return readings;
}

/// The token server answers with `body`, where `@` stands for the token.
Inflict variant(const std::string& body) {
  return [body](World& world) {
    world.expire_token();
    std::string answer = body;
    answer.replace(answer.find('@'), 1, world.token());
    world.token_answer({.body = answer});
    world.tokens.forget_requests();
    world.outcome.readings = many_blobs(world);
    world.outcome.check = [&world] {
      EXPECT_LE(world.tokens.requests().size(), 2U) << "a token for each blob";
    };
  };
}

/// Eight readers of what nobody has met, and no token that is any good.
void read_by_many(World& world) {
  world.expire_token();
  world.tokens.forget_requests();
  world.outcome.readings = many_blobs(world);
  {
    std::vector<std::jthread> readers;
    for (std::size_t i = 0; i < 8; ++i) {
      readers.emplace_back(
          [&world, i] { test::expect(world.mountpoint, world.outcome.readings[i]); });
    }
  }
  EXPECT_EQ(world.tokens.requests().size(), 1U) << "one token for all of them";
}

/// The token server refuses us, and is not asked again at once: accounts are locked for less.
Inflict no_tokens(int status) {
  return [status](World& world) {
    tokens({.status = status})(world);
    world.tokens.forget_requests();
    world.outcome.is_remembered = true;
    world.outcome.check = [&world] { EXPECT_EQ(world.tokens.requests().size(), 1U); };
  };
}

Inflict tokens_in_turn(const Response& bad, int times) {
  return [bad, times](World& world) {
    world.expire_token();
    world.tokens.on([left = std::make_shared<std::atomic<int>>(times),
                     bad](const Received&) -> std::optional<Response> {
      return (*left)-- > 0 ? std::optional(bad) : std::nullopt;
    });
  };
}

/// The token that we have has expired, and the user has logged in with `entry` meanwhile.
Inflict login(const std::string& wanted, const std::string& entry) {
  return [wanted, entry](World& world) {
    world.want_login(wanted);
    world.keep_login(entry);
    world.expire_token();
  };
}

/// The same where auth.json has the good login under the first key, and others under the rest.
/// `@` stands for the registry in a key.
Inflict login_under(const std::vector<std::string>& keys) {
  return [keys](World& world) {
    world.want_login("somebody:good-is-secret");
    std::string entries;
    std::string password = "good-is-secret";
    for (std::string key : keys) {
      key.replace(key.find('@'), 1, world.registry.address());
      if (!entries.empty()) entries += ",";
      const std::string basic = encode_base64("somebody:" + password);
      world.secrets.push_back(basic);
      entries += str_cat('"', key, R"(":{"auth":")", basic, "\"}");
      password = "bad-is-secret";
    }
    world.write_authfile(str_cat(R"({"auths":{)", entries, "}}"));
    world.expire_token();
  };
}

Inflict helper(const std::string& script) {
  return [script](World& world) {
    world.secrets.emplace_back("helper-is-secret");
    world.write_helper(script);
    world.write_authfile(
        str_cat(R"({"auths":{")", world.registry.address(), R"(":{}},"credsStore":"test"})"));
    world.expire_token();
  };
}

/// The token server gives a token for an identity token that is posted, or does not know POST.
void take_identity(World& world, bool knows_post) {
  world.secrets.push_back(kIdentity);
  world.secrets.push_back(encode_base64("<token>:" + kIdentity));
  world.tokens.on([&world, knows_post](const Received& request) -> std::optional<Response> {
    if (request.method == "POST" && !knows_post) return Response{.status = 404};
    const bool is_right =
        request.method == "POST"
            ? request.body.find("grant_type=refresh_token") != std::string::npos &&
                  request.body.find("refresh_token=" + kIdentity) != std::string::npos
            : request.field("Authorization") == "Basic " + encode_base64("<token>:" + kIdentity);
    return is_right ? world.token_response() : Response{.status = 401};
  });
  world.expire_token();
}

std::vector<Fault> challenge_faults() {
  return {
      {"A1_two_challenges_in_one_line", 0,
       [](World& world) {
         world.expire_token();
         world.challenge(World::refusal("Basic realm=\"x\", " +
                                        world.bearer(",scope=\"repository:a/b:pull,push\"")));
       }},
      {"A2_two_lines_of_challenges", 0,
       [](World& world) {
         world.expire_token();
         world.challenge(
             {.status = 401,
              .fields = {{"WWW-Authenticate", "Negotiate"},
                         {"WWW-Authenticate",
                          str_cat("bearer Realm = \"", world.realm(), "\" , SERVICE=s")}}});
       }},
      {"A4_refused_without_a_challenge", EACCES,
       [](World& world) {
         world.registry.on(world.registry.path("/blobs/"), {.status = 401});
         world.registry.forget_requests();
         world.outcome.check = [&world] {
           EXPECT_LE(world.victim_requests(), 3U) << "it asks again and again";
         };
       }},
      {"A5_token_expires_in_mid_body", 0,
       [](World& world) {
         world.answer(world.victim_path(), [&world](const Received&) -> std::optional<Response> {
           if (!world.first.exchange(false)) return std::nullopt;
           world.expire_token();
           return Response{.body = world.victim(), .cut = 100'000};
         });
         world.challenge(World::refusal(world.bearer(",error=\"invalid_token\"")));
       }},
      {"A8_link_local", EACCES, realm("http://169.254.169.254/token")},
      {"A8_private_network", EACCES, realm("http://10.1.2.3/token")},
      {"A8_file", EACCES, realm("file:///etc/passwd")},
      // The realm that it has named before is still good (RFC 6750, 3).
      {"A8_nothing", 0, realm("")},
      {"A9_from_https_to_http",
       EACCES,
       [](World& world) {
         realm(world.on_cdn("/token"))(world);
         world.outcome.check = [&world] { EXPECT_EQ(world.cdn.connections(), 0U); };
       },
       {},
       World::Transport::tls},
      {"A10_scope_of_another_repository", EACCES,
       [](World& world) {
         world.registry.on(
             world.registry.path("/blobs/"),
             World::refusal(world.bearer(
                 ",error=\"insufficient_scope\",scope=\"repository:other/repo:pull\"")));
         // It is named in a scope, and never asked for anything.
         world.outcome.never_asked.emplace_back("/v2/other/repo");
       }},
      {"A11_basic_challenge_to_a_token", 0,
       [](World& world) {
         world.expire_token();
         world.challenge(World::refusal("Basic realm=\"harbor\""));
       }},
  };
}

std::vector<Fault> token_faults() {
  return {
      {"A6_only_access_token", 0, variant(R"({"access_token":"@","expires_in":300})")},
      {"A6_no_expires_in", 0, variant(R"({"token":"@"})")},
      {"A6_expires_in_10", 0, variant(R"({"token":"@","expires_in":10})")},
      {"A6_issued_in_the_future", 0,
       variant(R"({"token":"@","expires_in":300,"issued_at":"2999-01-01T00:00:00Z"})")},
      {"A6_issued_long_ago", 0,
       variant(R"({"token":"@","expires_in":300,"issued_at":"2001-01-01T00:00:00Z"})")},
      {"A6_expires_in_text", 0, variant(R"({"token":"@","expires_in":"300"})")},
      {"A17_many_readers", 0, read_by_many},
      {"A7_html", EIO, tokens({.body = "<html>sign in</html>"})},
      {"A7_no_token", EIO, tokens({.body = "{}"})},
      {"A7_five_mebibytes", EIO, tokens({.body = std::string(5U << 20U, ' ')})},
      {"A7_401", EACCES, no_tokens(401)},
      {"A7_403", EACCES, no_tokens(403)},
      {"A7_500_twice", 0, tokens_in_turn({.status = 500}, 2)},
      {"A7_429_once", 0, tokens_in_turn({.status = 429, .fields = {{"Retry-After", "1"}}}, 1)},
  };
}

std::vector<Fault> login_faults() {
  const auto identity = [](bool knows_post) {
    return [knows_post](World& world) {
      take_identity(world, knows_post);
      world.keep_login(str_cat(R"({"identitytoken":")", kIdentity, "\"}"));
      world.tokens.forget_requests();
      world.outcome.check = [&world, knows_post] {
        EXPECT_EQ(world.tokens.count("POST", "/token"), 1U);
        EXPECT_EQ(world.tokens.count("GET", "/token"), knows_post ? 0U : 1U);
      };
    };
  };
  const std::string colon = "me:pass:word-is-secret";
  const std::string padded = "me:xyz-is-secret";
  const std::string unpadded = encode_base64(padded);
  return {
      {"A13_identity_token", 0, identity(true)},
      {"A13_identity_token_and_no_post", 0, identity(false)},
      {"A13_identity_token_of_a_helper", 0,
       [](World& world) {
         helper(str_cat(R"(echo '{"ServerURL":"x","Username":"<token>","Secret":")", kIdentity,
                        "\"}'\n"))(world);
         take_identity(world, true);
       }},
      {"A14_host_alone", 0, login_under({"@", "@/other"})},
      {"A14_first_part_of_the_path", 0, login_under({"@/test", "@", "@/test/repository"})},
      {"A14_whole_path", 0, login_under({"@/test/repo", "@/test", "@", "https://@/v1/"})},
      {"A14_url_of_old", 0, login_under({"https://@/v1/"})},
      {"A15_helper", 0,
       [](World& world) {
         helper(R"(echo '{"ServerURL":"x","Username":"me","Secret":"helper-is-secret"}')")(world);
         world.want_login("me:helper-is-secret");
       }},
      {"A15_helper_that_has_none", 0,
       [](World& world) {
         helper("echo 'credentials not found in native keychain'; exit 1\n")(world);
         world.tokens.on([&world](const Received& request) {
           const bool is_anonymous = request.field("Authorization").empty();
           return is_anonymous ? world.token_response() : Response{.status = 401};
         });
       }},
      {"A15_helper_that_hangs", 0,
       [](World& world) {
         helper("exec sleep 60\n")(world);
         // Whoever looks something up is told soon; what is cached can be read all the while.
         world.outcome.readings = {test::no_content("tags/never-met/manifest.json", ETIMEDOUT)};
       }},
      {"A15_helper_that_is_missing", EACCES,
       [](World& world) {
         world.write_authfile(str_cat(R"({"auths":{")", world.registry.address(),
                                      R"(":{}},"credsStore":"missing"})"));
         world.expire_token();
       }},
      {"A15_helper_that_prints_garbage", EACCES, helper("echo 'me: helper-is-secret'\n")},
      {"A16_colon_in_the_password", 0,
       login(colon, str_cat(R"({"auth":")", encode_base64(colon), "\"}"))},
      {"A16_no_padding", 0,
       login(padded, str_cat(R"({"auth":")", unpadded.substr(0, unpadded.find('=')), "\"}"))},
      {"A16_NUL_at_the_end", 0,
       login("me:nul-is-secret",
             str_cat(R"({"auth":")", encode_base64(std::string("me:nul-is-secret\0", 17)), "\"}"))},
      {"A16_bad_entry_beside_it", 0,
       [](World& world) {
         world.want_login("me:beside-is-secret");
         world.write_authfile(str_cat(R"({"auths":{"elsewhere.invalid":{"auth":"%%%"},")",
                                      world.registry.address(), R"(":{"auth":")",
                                      encode_base64("me:beside-is-secret"), "\"}}}"));
         world.expire_token();
       }},
  };
}

INSTANTIATE_TEST_SUITE_P(Challenges, InvariantsTest, testing::ValuesIn(challenge_faults()),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Tokens, InvariantsTest, testing::ValuesIn(token_faults()), name_of);
INSTANTIATE_TEST_SUITE_P(Logins, InvariantsTest, testing::ValuesIn(login_faults()), name_of);

}  // namespace
}  // namespace digestfs
