// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "base/flight.h"
#include "base/guarded.h"
#include "base/shared_answer.h"
#include "registry/auth/challenge.h"
#include "registry/auth/credential.h"
#include "registry/auth/credentials.h"
#include "registry/auth/refused_password.h"
#include "registry/auth/tokens.h"
#include "registry/http/http.h"
#include "registry/http/target.h"
#include "registry/http/url.h"
#include "registry/image/reference.h"

namespace digestfs::registry {

/// What a host asks for before it answers: a Bearer token, a password, or nothing.
struct Demand {
  std::optional<Challenge> bearer = {};
  bool basic = false;

  /// Returns true if the host asks for anything.
  [[nodiscard]] bool is_any() const noexcept { return bearer || basic; }
};

/// How a host wants to be spoken to (AUTH-1).
struct Greeting {
  /// What it is known from.
  enum class From {
    nothing,   ///< It is assumed: the host has answered nothing yet.
    question,  ///< The answer to a question. For another question the host may demand more.
    greeting,  ///< The answer to `/v2/`.
  };

  Url base;  ///< Its origin: https, or http where it speaks no TLS.
  Demand demand = {};
  From from = From::nothing;
  std::uint64_t number = 0;  ///< Counts the greetings of this host. 0 if it is assumed.
};

/// What one client asks a host about: a repository, or the catalogue. It also holds what the host
/// has said it demands for just that: some hosts say so only when they are asked for a repository
/// (AUTH-1). Safe for concurrent use.
class Scope {
 public:
  explicit Scope(Reference reference);

  [[nodiscard]] const Reference& reference() const noexcept { return reference_; }
  /// The scope of tokens, `repository:a/b:pull` (`scope_of`).
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

  /// What the host demands: what was learned since `greeting`, or what the greeting said.
  [[nodiscard]] Demand demand(const Greeting& greeting) const;
  /// Notes that the host demands a token as `challenge` says.
  void learn_bearer(const Greeting& greeting, Challenge challenge);
  /// Notes that the host demands a password.
  void learn_basic(const Greeting& greeting);

  /// Notes that the host has shown a stranger what is here.
  void note_open() noexcept { is_open_ = true; }
  /// Returns true if strangers see what is here: then what they do not find is not there.
  [[nodiscard]] bool is_open() const noexcept { return is_open_; }

 private:
  struct Learned {
    std::uint64_t greeting = 0;  ///< The greeting that this corrects; 0 if nothing was learned.
    Demand demand;
  };

  // Constant after construction.
  Reference reference_;
  std::string text_;
  // Synchronises itself.
  std::atomic<bool> is_open_{false};
  // Guarded by the lock it lives in.
  Guarded<Learned> learned_;
};

/// What a request showed to prove who we are.
struct Proof {
  std::string token = {};
  std::optional<Credential> credential = {};
  /// The request finds out whether a refused password is still refused.
  bool is_probe = false;
  /// Where a credential is from that has no password though one is demanded; else empty.
  std::string without_password = {};

  /// Returns true if the request carried a password.
  [[nodiscard]] bool is_password() const noexcept { return credential && token.empty(); }
  /// Returns true if the request carried a token or a password.
  [[nodiscard]] bool is_shown() const noexcept { return credential || !token.empty(); }
};

/// How far the attempts at one question have come.
struct LoginAttempt {
  Method method = Method::get;
  Stale stale = {};
  int renewals = 0;                       ///< How often the proof was renewed.
  bool was_told = false;                  ///< The host has said what it demands.
  bool only_basic = false;                ///< The next request shows a password instead of a token.
  std::optional<Challenge> instead = {};  ///< The challenge to use instead of the demand's.

  /// What the next request should show if the host is known to demand `known`.
  [[nodiscard]] Demand demand(Demand known) const;
};

/// Logs in to one host: finds credentials, adds tokens or passwords to requests, and learns from
/// the answers which of them are good. Safe for concurrent use.
class Login {
 public:
  /// Sends a password for a URL, and returns the status that came back.
  using TryPassword = std::function<int(const Url& url, const Credential& credential)>;

  struct Options {
    CredentialOptions credentials;
    std::string domain;     ///< The host as people write it, for messages.
    Clock::duration pause;  ///< For how long a refused password is not sent, the first time.
    bool insecure = false;  ///< True if `--tls-verify=false` was given.
  };

  /// `servers` must outlive this object.
  Login(TokenServers& servers, Options options);

  /// Returns the credential for `scope`, if there is one. Throws as `Credentials::find`.
  [[nodiscard]] std::optional<Credential> who(const Scope& scope, const std::stop_token& stop);

  /// Returns true if there is a credential for `scope`, or if it cannot be told whether there is.
  [[nodiscard]] bool may_be_known(const Scope& scope, const std::stop_token& stop);

  /// Adds to `request`, which goes to `host`, what `demand` asks for. Throws as `Tokens::get` and
  /// `Credentials::find`, and `Errc::denied` while a refused password must not be sent.
  [[nodiscard]] Proof authorise(HttpRequest& request, const Sender& host, const Scope& scope,
                                const Demand& demand, const Stale& stale,
                                const std::stop_token& stop);

  /// Notes that the password of `proof` was good for `target`, a path of the host.
  void accept(const Proof& proof, const std::string& target);
  /// Lets another request find out what `proof` was to find out.
  void give_back(const Proof& proof);
  /// Learns from `status`, the answer to a password that was sent at `sent_at` for `target`,
  /// whether the password may be sent again. `refusal` is what a 401 is remembered as.
  void heed_password(const Greeting& greeting, const std::string& target, const Proof& proof,
                     int status, const Error& refusal, Clock::time_point sent_at,
                     const TryPassword& try_password, const std::stop_token& stop);
  /// Notes that another user may have logged in by now: credential helpers are asked again.
  void doubt() { credentials_.doubt(); }
  /// Makes credentials be looked for anew. See `Credentials::reread`.
  void ask_again() { credentials_.reread(); }
  /// Notes that `challenge` has led to an answer.
  static void learn(Scope& scope, const Greeting& greeting, const Challenge& challenge);

  /// Decides about a 401: returns true if the question should be asked again, and prepares
  /// `attempt` for that (AUTH-13).
  [[nodiscard]] bool may_ask_again(const HttpHead& head, const Proof& proof, const Demand& demand,
                                   const Greeting& greeting, Scope& scope, LoginAttempt& attempt,
                                   const std::stop_token& stop);

  /// Says which credential the answer `head` refused, or why there was none.
  [[nodiscard]] std::string note_of(const Proof& proof, const Demand& demand,
                                    const HttpHead& head) const;

 private:
  /// What the host says to a password for something that the password was good for before.
  struct Verdict {
    Credential credential;
    bool is_refused = false;
    Clock::time_point asked_at;
  };

  [[nodiscard]] Proof prove(const TokenPurpose& purpose, const Scope& scope, const Stale& stale,
                            const std::stop_token& stop);
  [[nodiscard]] bool is_good_for(const Url& url, const Credential& credential,
                                 Clock::time_point since, const TryPassword& try_password,
                                 const std::stop_token& stop);

  // Synchronise themselves.
  Credentials credentials_;
  Tokens tokens_;
  RefusedPassword passwords_;
  SharedAnswer<Verdict> verdict_;
};

/// Returns true if `head` asks for a password.
[[nodiscard]] bool wants_basic(const HttpHead& head);

/// What `head` demands of every question, if it is a 401. What it says about the one question that
/// it answers is left out (AUTH-13).
[[nodiscard]] Demand demand_of(const HttpHead& head);

/// Returns true if `head` is a 401 that asks for a password or a token.
[[nodiscard]] bool is_challenge(const HttpHead& head);

}  // namespace digestfs::registry
