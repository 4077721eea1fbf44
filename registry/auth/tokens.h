// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/flight.h"
#include "base/guarded.h"
#include "base/shared_answer.h"
#include "registry/auth/challenge.h"
#include "registry/auth/credential.h"
#include "registry/auth/refusal.h"
#include "registry/auth/token.h"
#include "registry/http/http.h"
#include "registry/http/secrets.h"
#include "registry/http/target.h"
#include "registry/http/url.h"

namespace digestfs::registry {

/// A request to a token server.
struct TokenQuestion {
  Url url;
  Sender host;  ///< The host whose challenge leads to the server.
  std::vector<Field> fields = {};
  /// The body of a POST. Without it the request is a GET. Only a GET follows redirects: no other
  /// server may receive the form.
  std::string form = {};
};

/// What a token server answered.
struct TokenAnswer {
  static constexpr std::size_t kMost = std::size_t{1} << 20U;

  HttpHead head;
  std::string body;  ///< At most `kMost` bytes of it.
};

/// What tokens need of the host that they are for.
class TokenServers {
 public:
  TokenServers() = default;
  TokenServers(const TokenServers&) = delete;
  TokenServers& operator=(const TokenServers&) = delete;
  virtual ~TokenServers() = default;

  /// Sends `question`. Throws what `Http::perform` throws, and `Errc::rate_limited` while the
  /// server wants to be left alone.
  [[nodiscard]] virtual TokenAnswer ask_token_server(const TokenQuestion& question,
                                                     const std::stop_token& stop) = 0;
  /// Is called when a challenge led to no token: the host may ask for something else by now.
  virtual void doubt_challenge() = 0;
  /// Logs a warning, each text once.
  virtual void warn(const std::string& text) = 0;
};

/// What a token is needed for.
struct TokenPurpose {
  Sender host;          ///< The host that sent the challenge.
  Challenge challenge;  ///< It names the token server, the service and possibly scopes.
  std::string scope;    ///< The scope of the client itself (`scope_of`).

  /// The scopes to ask for. Those that the host itself said were missing come first, because some
  /// token servers look at the first scope only (AUTH-13).
  [[nodiscard]] std::vector<std::string> scopes() const;
  /// The same text for purposes that the same token serves: realm, service and scopes.
  [[nodiscard]] std::string key() const;
};

/// Which of the tokens in hand a request cannot use.
struct Stale {
  std::string refused = {};                             ///< The token that was just refused.
  Clock::time_point before = Clock::time_point::min();  ///< Tokens from before this time.

  /// Returns true if `token` is none of these and has not expired.
  [[nodiscard]] bool permits(const Token& token) const;
};

/// The Bearer tokens of one host (AUTH-8 to AUTH-13): kept by purpose and credential, renewed
/// before they expire, and asked for by one thread at a time for each of these. Safe for concurrent
/// use.
class Tokens {
 public:
  struct Options {
    /// For how long a credential that was refused is not sent again, the first time (AUTH-6).
    Clock::duration pause;
    /// True if `--tls-verify=false` was given.
    bool insecure = false;
    /// What a message says when there is no credential: where credentials were looked for.
    std::string nobody;
  };

  /// A token in hand, and whose it is.
  struct Held {
    Token token;
    std::optional<Credential> credential;
  };

  /// `servers` must outlive this object.
  Tokens(TokenServers& servers, Options options);

  /// Returns a token for `purpose` and `credential`, from memory if `stale` permits it. Throws
  /// `Errc::denied` if the server refuses, or refused a moment ago; what
  /// `TokenServers::ask_token_server` throws; and `corrupt` if the answer holds no token.
  [[nodiscard]] Token get(const TokenPurpose& purpose, const std::optional<Credential>& credential,
                          const Stale& stale, const std::stop_token& stop);

  /// Returns the newest token in hand for `purpose`, whosever it is, that `stale` permits.
  [[nodiscard]] std::optional<Held> find(const TokenPurpose& purpose, const Stale& stale) const;

  /// Says whose credential was used, or that there is none.
  [[nodiscard]] std::string note_of(const std::optional<Credential>& credential) const;

 private:
  /// One purpose and credential, with their token. Synchronises itself.
  class Grant {
   public:
    Grant(std::string purpose, std::optional<Credential> credential)
        : purpose_(std::move(purpose)), credential_(std::move(credential)) {}

    [[nodiscard]] const std::string& purpose() const noexcept { return purpose_; }
    [[nodiscard]] const std::optional<Credential>& credential() const noexcept {
      return credential_;
    }
    [[nodiscard]] SharedAnswer<Token>& token() noexcept { return token_; }
    /// Throws the last refusal while the credential must not be sent.
    void check() const;
    /// Notes that the server refused the credential. Each refusal in a row doubles the pause.
    void refuse(const Error& error, Clock::duration pause);
    void accept() { refusal_.lock()->reset(); }

   private:
    // Constant after construction.
    const std::string purpose_;
    const std::optional<Credential> credential_;
    // Synchronises itself.
    SharedAnswer<Token> token_;
    // Guarded by the lock it lives in.
    Guarded<std::optional<Refusal>> refusal_;
  };
  /// What a token server gave to be sent instead of an identity token the next time.
  struct Refresh {
    std::string realm;
    Credential credential;
    std::string token;
  };
  /// A request for one token, while it is made.
  struct Application {
    Sender host;
    Url realm;
    std::string service;
    std::vector<std::string> scopes;
    std::optional<Credential> credential;
    Secrets secrets;
  };

  [[nodiscard]] std::shared_ptr<Grant> grant_of(const std::string& purpose,
                                                const std::optional<Credential>& credential);
  [[nodiscard]] Token fetch(const TokenPurpose& purpose,
                            const std::optional<Credential>& credential,
                            const std::stop_token& stop);
  [[nodiscard]] std::optional<Token> exchange(Application application, const std::stop_token& stop);
  [[nodiscard]] Token token_in(const TokenAnswer& answer, const Url& asked,
                               const Application& application) const;

  // Constant after construction.
  TokenServers& servers_;
  Options options_;
  // Guarded by the locks they live in.
  Guarded<std::vector<std::shared_ptr<Grant>>> grants_;  ///< The newest last.
  Guarded<std::optional<Refresh>> refresh_;
};

}  // namespace digestfs::registry
