// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "registry/image/descriptor.h"
#include "tests/mount/reading.h"
#include "tests/support/fake_registry.h"
#include "tests/support/image_builder.h"
#include "tests/support/mounted.h"

namespace digestfs::test {

/// What is to come of what was inflicted.
struct Outcome {
  std::vector<Reading> readings = {};
  /// A kind that problems.jsonl is to name; none where it is empty.
  std::string problem = {};
  /// What no server is ever to be asked for.
  std::vector<std::string> never_asked = {"..", "passwd", "169.254"};
  /// Whatever else holds once the readings are done.
  std::function<void()> check = {};
  /// Nothing more is to be asked for after it, healthy or not.
  bool closes_gate = false;
  /// It is remembered for some seconds, and what is healthy waits for that, too.
  bool is_remembered = false;
};

/// A registry that wants tokens, its token server, which wants a password, a CDN, and what a user
/// keeps about them; all well. Rows of the reference's tables are inflicted on it.
struct World {
  using Received = FakeRegistry::Request;
  using Response = FakeRegistry::Response;
  using Transport = FakeRegistry::Transport;
  using Answer = std::function<std::optional<Response>(const Received&)>;

  static const std::string kPassword;
  static const std::string kBasic;      ///< what proves that we are who we say
  static const std::string kToken;      ///< how the registry's tokens begin
  static const std::string kSignature;  ///< in the URLs of the CDN

  /// The registry and its token server are at `host` and speak `transport`; the CDN is on loopback
  /// and speaks plain http.
  explicit World(Transport transport = Transport::plain, const std::string& host = "127.0.0.1");

  /// Takes back what was inflicted.
  void heal();

  // Who may.

  [[nodiscard]] std::string token() const { return kToken + std::to_string(generation); }
  void expire_token() { ++generation; }
  [[nodiscard]] bool is_authorised(const Received& request) const {
    return request.field("Authorization") == "Bearer " + token();
  }
  /// Where the token server is.
  [[nodiscard]] std::string realm() const;
  [[nodiscard]] std::string bearer(const std::string& more = "") const;
  [[nodiscard]] static Response refusal(const std::string& challenge);
  [[nodiscard]] Response token_response() const;
  void write_authfile(const std::string& json) const;
  /// `entry` is what the user's auth.json has for the registry.
  void keep_login(const std::string& entry) const;
  /// `docker-credential-test` in the user's PATH.
  void write_helper(const std::string& script) const;
  /// From now on the token server wants this `user:password`, which is another secret.
  void want_login(const std::string& user_and_password);

  // What is answered.

  /// The registry answers whoever has not got its token with `response`, which is a challenge.
  void challenge(const Response& response);
  void token_answer(const Response& response) { tokens.on("/token", response); }
  /// Requests below `prefix` by whoever has the token are answered so; nothing leaves it be.
  void answer(const std::string& prefix, Answer response);
  void answer(const std::string& prefix, const Response& response);
  /// The same for the blob that is read, the first `times`.
  void blob_answer(const Response& response, int times = 1000);
  /// The first answer for the blob is cut, and whoever goes on gets `response`.
  void resumed_answer(const Response& response);
  void redirect(const std::string& location, int status = 307);
  [[nodiscard]] std::string on_cdn(const std::string& target) const;

  // What there is.

  /// Puts a document behind `tag`.
  registry::Descriptor push(const std::string& tag, const std::string& bytes,
                            const std::string& media_type);
  /// Puts what is in `more` beside all the rest.
  void push(const ObjectSet& more);
  [[nodiscard]] const std::string& bytes_of(const registry::Descriptor& object) const {
    return set.objects().at(object.digest).bytes;
  }
  [[nodiscard]] std::string victim_path() const { return "/blobs/" + digest(0); }
  [[nodiscard]] std::string digest(std::size_t layer) const {
    return image.layers[layer].digest.str();
  }
  [[nodiscard]] const std::string& bytes(std::size_t layer) const {
    return bytes_of(image.layers[layer]);
  }
  [[nodiscard]] const std::string& victim() const { return bytes(0); }
  /// How many requests there were for it, of any kind.
  [[nodiscard]] std::size_t victim_requests() const;

  // What holds whatever happens.

  /// Fails the test where `text` has a secret in it (I2).
  void expect_no_secret(const std::string& text, const std::string& where) const;
  /// Fails the test where a server was told a secret that is not for it (I2), or was asked for what
  /// nobody is to be asked for.
  void expect_requests_are_harmless() const;

  TemporaryDirectory directory;  ///< auth.json, certs/ and bin/ of the user
  ObjectSet set;
  /// Tagged `known`; of its layers the first is the victim, the second healthy, the third cached.
  Image image = add_image(
      set, {gzip_layer({{"victim", noise(200'000)}}), gzip_layer({{"healthy", noise(100'000, 2)}}),
            gzip_layer({{"cached", noise(100'000, 3)}})});
  /// Tagged `t`.
  Image other = add_image(set, {gzip_layer({{"other", "content"}})});
  std::string manifest = bytes_of(other.manifest);
  std::string manifest_type = other.manifest.media_type;
  std::string manifest_digest = other.manifest.digest.str();
  std::atomic<int> generation = 1;
  std::atomic<bool> first = true;
  std::vector<std::string> secrets = {kPassword, kBasic, kToken, kSignature};
  Outcome outcome;
  std::filesystem::path mountpoint;  ///< once it is mounted
  std::filesystem::path cache;
  // The last, and so the first to end: their handlers use all the others.
  FakeRegistry registry;
  FakeRegistry tokens;
  FakeRegistry cdn;
};

}  // namespace digestfs::test
