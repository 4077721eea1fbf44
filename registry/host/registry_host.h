// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/guarded.h"
#include "base/request.h"
#include "base/shared_answer.h"
#include "registry/auth/challenge.h"
#include "registry/auth/credentials.h"
#include "registry/auth/refusal.h"
#include "registry/auth/refused_password.h"
#include "registry/auth/secrets.h"
#include "registry/auth/token.h"
#include "registry/host/back_off.h"
#include "registry/host/client_options.h"
#include "registry/host/rate_limit.h"
#include "registry/http/certificates.h"
#include "registry/http/host_kind.h"
#include "registry/http/http.h"
#include "registry/image/reference.h"

namespace digestfs::registry {

/// Attempts at one thing so far.
struct Attempts {
  Urgency urgency = Urgency::question;
  int failures = 0;
  Clock::time_point since = Clock::now();
};

/// A question to a registry.
struct Question {
  enum class Redirects {
    follow,
    to_registries,  ///< where another registry has the same, and not to what a registry leads to
    stay,
  };

  Method method = Method::get;
  std::string target;  ///< `/v2/…`, made of validated parts or sent by the registry itself
  std::vector<Field> fields = {};
  Redirects redirects = Redirects::follow;
  bool decode = false;  ///< see `HttpRequest`
  /// An older token will not do (AUTH-13).
  std::optional<Clock::time_point> token_since = {};
  Urgency urgency = Urgency::question;
  bool is_led_here = false;  ///< by another registry; not to be led on to a third
};

/// What came back in the end. The body of a 2xx went to the receiver.
struct Reply {
  HttpHead head;
  std::string failure_body;          ///< of any other status; at most 64 KiB of it
  Url url;                           ///< who answered, after redirects
  bool is_elsewhere = false;         ///< which was not the registry itself
  Secrets secrets = {};              ///< that were sent, to be kept out of messages
  std::string credential_note = {};  ///< "with the credentials of …", or that there are none

  /// What a status other than 2xx means; of a refusal also which credentials were refused.
  [[nodiscard]] Error failure() const;
  /// Whether it says that there is no such thing: where a registry leads may have lost it, but
  /// only a registry knows that (EP-8, DEC-6).
  [[nodiscard]] bool is_absence() const;
};

/// The whole of a small answer.
struct Document {
  HttpHead head;
  std::string body;
  Url url;  ///< who answered, after redirects
};

/// A registry as the reader of one repository, or of its catalogue, sees it: how it greets (http or
/// https, AUTH-1), who we are to it, tokens for reading just that, redirects (EP-8), and when it
/// wants to be left alone (RTY-3, RTY-4). Safe for concurrent use.
class RegistryHost {
 public:
  /// Connects to nothing yet.
  RegistryHost(const Reference& reference, ClientOptions options);

  /// Asks, with a token or password where the registry wants one. A token that it refuses is
  /// renewed once, and a redirect's target that refuses us is asked for anew once. Throws what
  /// `Http` throws, and `Error` where the registry cannot be greeted, hands out no token, redirects
  /// badly, or wants to be left alone for longer than we wait. What it answers otherwise, 401 and
  /// 500 included, is the reply.
  [[nodiscard]] Reply ask(const Question& question, const Receive& receive, std::stop_token stop);

  /// Asks for something small. Throws `too_large` for more than `limit` bytes, and what any status
  /// but a 2xx means.
  [[nodiscard]] Document read(const Question& question, std::size_t limit,
                              const std::stop_token& stop);

  /// Runs `work`, again where it fails in passing (RTY-1). What it throws in the end says that we
  /// cannot do `what`.
  template <class Work>
  auto persist(const std::string& what, const std::stop_token& stop, const Work& work)
      -> decltype(work()) {
    try {
      for (Attempts attempts;;) {
        try {
          return work();
        } catch (const Error& error) {
          wait_to_retry(error, attempts, stop);
        }
      }
    } catch (const Error& error) {
      throw Error(error.code(), "cannot " + what + ": " + error.what());
    }
  }

  /// To be called after an attempt that ended with `error`: waits, and returns, where it makes
  /// sense to try again (RTY-1); else throws `error`. Throws `Errc::interrupted` on `stop`.
  void wait_to_retry(const Error& error, Attempts& attempts, const std::stop_token& stop);

  /// Logs a warning, each text once.
  void warn(const std::string& text);

 private:
  struct Greeting {
    Url base;
    std::optional<Challenge> bearer;
    bool basic = false;
  };
  /// What the registry is known to ask for: some say so only when asked for a repository (AUTH-1).
  struct Demand {
    std::optional<Challenge> bearer;
    bool basic = false;
  };
  /// What a token is for and whose it is (AUTH-12).
  struct Purpose {
    std::string what;  ///< realm, service and scopes
    std::optional<Credential> credential;
    [[nodiscard]] bool operator==(const Purpose&) const = default;
  };
  /// The way to a token: one request for it at a time (AUTH-12). Synchronises itself.
  struct Grant {
    explicit Grant(Purpose whose) : purpose(std::move(whose)) {}

    const Purpose purpose;
    SharedAnswer<Token> token;
    Guarded<std::optional<Refusal>> refusal;  ///< while it is not asked for the same again

    /// Whoever has logged in since has another grant; who has none may be let in any time.
    void refuse(const Error& error, Clock::duration pause) {
      const auto last = refusal.lock();
      if (*last && purpose.credential) return (*last)->repeat();
      last->emplace(error, pause);
    }
  };
  /// What a token server gave to be asked with in place of an identity token, which alone it stands
  /// for.
  struct Refresh {
    std::string realm;
    Credential credential;
    std::string token;
  };
  /// What the registry says to a password whatever is asked for.
  struct Verdict {
    Credential credential;
    bool is_refused = false;
    Clock::time_point asked_at;
  };
  /// What a request was sent with.
  struct Proof {
    std::string token;
    std::optional<Credential> credential;
    bool is_probe = false;              ///< finds out whether a password is still refused
    std::string without_password = {};  ///< where there is one that Basic authentication cannot use

    /// Whether a password was shown.
    [[nodiscard]] bool is_password() const noexcept { return credential && token.empty(); }
  };

  [[nodiscard]] Greeting greeting(const std::stop_token& stop);
  [[nodiscard]] Greeting greet(const std::stop_token& stop);
  [[nodiscard]] Greeting greet_at(const Url& base, const std::stop_token& stop);
  [[nodiscard]] Trust trust_in(const Url& url) const;
  [[nodiscard]] Certificates certificates_of_realm(const Url& realm) const;
  [[nodiscard]] HttpRequest request_to(Method method, const Url& url) const;
  void trust_by(const Certificates& certificates, HttpRequest& request) const;
  /// Which of the tokens in hand will not do.
  struct Stale {
    std::string refused;
    Clock::time_point before = Clock::time_point::min();
  };

  /// What has become of a question so far.
  struct Course {
    Method method = Method::get;
    Stale stale;
    int renewals = 0;
    bool asked_anew = false;
    bool was_told = false;  ///< what the registry wants
    bool only_basic = false;
    std::optional<Challenge> instead;  ///< of the challenge that is known
  };

  [[nodiscard]] bool may_ask_again(const Reply& reply, const Proof& proof, const Demand& demand,
                                   Course& course, const std::stop_token& stop);
  void learn(const Challenge& challenge);
  [[nodiscard]] Reply send(HttpRequest request, const Question& question, const Proof& proof,
                           const Receive& receive, const std::stop_token& stop);
  void heed_password(const Greeting& greeting, const Question& question, const Reply& reply,
                     const Proof& proof, Clock::time_point sent_at, const std::stop_token& stop);
  [[nodiscard]] bool is_good_for(const Url& url, const Credential& credential,
                                 Clock::time_point since, const std::stop_token& stop);
  [[nodiscard]] Reply ask_elsewhere(const Question& question, Reply reply, const Receive& receive,
                                    const std::stop_token& stop);
  [[nodiscard]] Proof authorise(HttpRequest& request, const Url& base, const Demand& demand,
                                const Stale& stale, const std::stop_token& stop);
  [[nodiscard]] Proof prove(const Url& base, const Challenge& challenge, const Stale& stale,
                            const std::stop_token& stop);
  [[nodiscard]] static bool is_good(const Token& token, const Stale& stale);
  [[nodiscard]] std::string purpose_of(const Challenge& challenge) const;
  [[nodiscard]] std::shared_ptr<Grant> grant_of(const Purpose& purpose);
  [[nodiscard]] Token token(const Url& base, const Challenge& challenge,
                            const std::optional<Credential>& credential, const Stale& stale,
                            const std::stop_token& stop);
  [[nodiscard]] Token fetch_token(const Url& base, const Challenge& challenge,
                                  const std::optional<Credential>& credential,
                                  const std::stop_token& stop);
  [[nodiscard]] std::optional<Token> exchange(const Url& realm, const std::string& service,
                                              const std::vector<std::string>& scopes,
                                              const Credential& credential,
                                              const std::stop_token& stop);
  [[nodiscard]] Token token_of(const HttpRequest& request, const Reply& reply,
                               const std::string& body, const Secrets& secrets,
                               const std::optional<Credential>& credential);
  [[nodiscard]] Reply follow(HttpRequest request, Errand errand, Question::Redirects redirects,
                             const Receive& receive, const std::stop_token& stop);
  [[nodiscard]] std::string note_of(const Proof& proof, const Demand& demand,
                                    const HttpHead& head) const;
  [[nodiscard]] std::string note_of(const std::optional<Credential>& credential) const;
  [[nodiscard]] Clock::duration patience(Urgency urgency) const noexcept;
  [[nodiscard]] std::shared_ptr<RegistryHost> registry_of(const Reply& reply);
  void pass_gate(Urgency urgency, const std::stop_token& stop);
  [[nodiscard]] Clock::time_point closed_until(const std::stop_token& stop);
  [[nodiscard]] std::optional<std::chrono::milliseconds> wait_asked_for(
      const Url& url, const HttpHead& head, const std::string& body) const;
  void heed_limit(const Reply& reply, const Proof& proof, const Demand& demand);
  void heed_elsewhere(const Reply& reply);
  [[nodiscard]] Clock::time_point closed_elsewhere_until(const std::string& origin) const;
  void pass_warnings_on(const HttpHead& head, const Secrets& secrets);

  // Constant after construction.
  std::string domain_;
  std::string wire_host_;
  std::string scope_;
  Url own_;  ///< its origin by https
  bool has_port_;
  bool is_loopback_;
  bool is_insecure_;
  Certificates certificates_;
  RetryPolicy retries_;
  ClientOptions options_of_others_;
  // Synchronise themselves.
  Http http_;
  Credentials credentials_;
  SharedAnswer<Greeting> greeting_;
  SharedAnswer<Verdict> verdict_;
  RefusedPassword passwords_;
  RateLimit limit_;        ///< of the registry
  RateLimit token_limit_;  ///< of its token server
  // Guarded by the locks they live in.
  Guarded<Demand> demand_;
  Guarded<std::optional<Refresh>> refresh_;
  Guarded<std::vector<std::shared_ptr<Grant>>> grants_;                       ///< the latest last
  Guarded<std::map<std::string, Clock::time_point>> closed_elsewhere_until_;  ///< by origin
  Guarded<std::map<std::string, std::shared_ptr<RegistryHost>>> others_;  ///< led to, by repository
  Guarded<std::set<std::string>> warnings_;  ///< those that were passed on
  Guarded<bool> has_greeted_;
  Guarded<HostKind> reached_;  ///< of the address that it answered from last
};

}  // namespace digestfs::registry
