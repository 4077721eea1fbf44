// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "registry/challenge.h"
#include "registry/http.h"
#include "registry/reference.h"
#include "registry/shared_answer.h"
#include "registry/token.h"

namespace digestfs::registry {

/// A question to a registry.
struct Question {
  enum class Redirects { follow, stay };

  Method method = Method::get;
  std::string target;  ///< `/v2/…`, made of validated parts or sent by the registry itself
  std::vector<Field> fields = {};
  Redirects redirects = Redirects::follow;
};

/// What came back in the end. The body of a 2xx went to the receiver.
struct Reply {
  HttpHead head;
  std::string failure_body;  ///< of any other status; at most 64 KiB of it
  Url url;                   ///< who answered, after redirects
};

/// A registry as one repository's reader sees it: how it greets (http or https, AUTH-1), tokens for
/// pulling from that repository, redirects (EP-8). Safe for concurrent use.
class RegistryHost {
 public:
  /// Connects to nothing yet.
  RegistryHost(const Reference& reference, HttpOptions options);

  /// Asks, with a token where the registry wants one. A token that it refuses is renewed once, and
  /// a redirect's target that refuses us is asked for anew once. Throws what `Http` throws, and
  /// `Error` where the registry cannot be greeted, hands out no token, or redirects badly. What it
  /// answers otherwise, 401 and 500 included, is the reply.
  [[nodiscard]] Reply ask(const Question& question, const Receive& receive, std::stop_token stop);

 private:
  struct Greeting {
    Url base;
    std::optional<Challenge> bearer;
  };

  [[nodiscard]] Greeting greeting(const std::stop_token& stop);
  [[nodiscard]] Greeting greet(const std::stop_token& stop);
  [[nodiscard]] Greeting greet_at(const Url& base, const std::stop_token& stop);
  [[nodiscard]] Token token(const Url& base, const Challenge& challenge, const std::string& refused,
                            const std::stop_token& stop);
  [[nodiscard]] Token fetch_token(const Url& base, const Challenge& challenge,
                                  const std::stop_token& stop);
  [[nodiscard]] Reply follow(HttpRequest request, Question::Redirects redirects,
                             const Receive& receive, const std::stop_token& stop);

  // Constant after construction.
  std::string wire_host_;
  std::string repository_path_;
  bool has_port_;
  Trust trust_;
  // Synchronise themselves.
  Http http_;
  SharedAnswer<Greeting> greeting_;
  SharedAnswer<Token> token_;
  // Guarded by the lock it lives in. The challenge last seen: some registries name their token
  // server only when asked for a repository (AUTH-1).
  Guarded<std::optional<Challenge>> bearer_;
};

}  // namespace digestfs::registry
