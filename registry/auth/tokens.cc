// SPDX-License-Identifier: Apache-2.0
#include "registry/auth/tokens.h"

#include <algorithm>
#include <chrono>
#include <sstream>

#include "base/text.h"
#include "registry/http/failure.h"
#include "registry/http/host_kind.h"

namespace digestfs::registry {
namespace {

constexpr std::chrono::hours kRegistryTokenLife{1};
constexpr std::size_t kMaxGrants = 64;

Field basic_field(const Credential& credential) {
  return {"Authorization", str_cat("Basic ", basic_credentials(credential))};
}

/// The identity token as a password, for a server that knows no POST (AUTH-9).
Credential as_password(const Credential& credential) {
  return {.user = credential.user.empty() ? "<token>" : credential.user,
          .password = credential.identity_token,
          .identity_token = {},
          .registry_token = {},
          .from = credential.from};
}

/// What a refresh token that has expired is refused with, by one server or another.
bool is_refusal(int status) noexcept {
  return status == 400 || status == 401 || status == 403 || status == 410;
}

}  // namespace

std::vector<std::string> TokenPurpose::scopes() const {
  std::vector<std::string> scopes;
  const std::string wanted = challenge.parameter("scope");
  if (challenge.parameter("error") == "insufficient_scope" && !wanted.empty() && wanted != scope) {
    std::istringstream each(wanted);
    for (std::string one; each >> one;) {
      if (one != scope) scopes.push_back(one);
    }
  }
  scopes.push_back(scope);
  return scopes;
}

std::string TokenPurpose::key() const {
  std::string key = str_cat(challenge.parameter("realm"), "\n", challenge.parameter("service"));
  for (const std::string& one : scopes()) key += str_cat("\n", one);
  return key;
}

bool Stale::permits(const Token& token) const {
  return token.value != refused && token.given_at >= before && Clock::now() < token.renew_at;
}

void Tokens::Grant::check() const {
  if (const auto refusal = *refusal_.lock(); refusal) refusal->check();
}

void Tokens::Grant::refuse(const Error& error, Clock::duration pause) {
  const auto last = refusal_.lock();
  // A server may let in a client without a credential at any time.
  if (*last && credential_) return (*last)->repeat();
  last->emplace(error, pause);
}

Tokens::Tokens(TokenServers& servers, Options options)
    : servers_(servers), options_(std::move(options)) {}

Token Tokens::get(const TokenPurpose& purpose, const std::optional<Credential>& credential,
                  const Stale& stale, const std::stop_token& stop) {
  const auto grant = grant_of(purpose.key(), credential);
  const auto is_usable = [&](const Token& token) { return stale.permits(token); };
  return grant->token().get(stop, is_usable, [&] {
    grant->check();
    try {
      Token token = fetch(purpose, credential, stop);
      grant->accept();
      return token;
    } catch (const Error& error) {
      if (error.code() == Errc::denied) grant->refuse(error, options_.pause);
      if (error.code() != Errc::interrupted && error.code() != Errc::rate_limited) {
        servers_.doubt_challenge();
      }
      throw;
    }
  });
}

std::optional<Tokens::Held> Tokens::find(const TokenPurpose& purpose, const Stale& stale) const {
  const std::string key = purpose.key();
  const std::vector<std::shared_ptr<Grant>> grants = *grants_.lock();
  for (std::size_t i = grants.size(); i-- > 0;) {
    Grant& grant = *grants[i];
    if (grant.purpose() != key) continue;
    auto token = grant.token().look([&](const Token& in_hand) { return stale.permits(in_hand); });
    if (token) return Held{*std::move(token), grant.credential()};
  }
  return std::nullopt;
}

std::string Tokens::note_of(const std::optional<Credential>& credential) const {
  return credential ? str_cat("the credentials of ", credential->from, " were used")
                    : options_.nobody;
}

std::shared_ptr<Tokens::Grant> Tokens::grant_of(const std::string& purpose,
                                                const std::optional<Credential>& credential) {
  const auto grants = grants_.lock();
  const auto at = std::ranges::find_if(*grants, [&](const auto& grant) {
    return grant->purpose() == purpose && grant->credential() == credential;
  });
  if (at != grants->end()) return *at;
  if (grants->size() == kMaxGrants) grants->erase(grants->begin());
  return grants->emplace_back(std::make_shared<Grant>(purpose, credential));
}

Token Tokens::fetch(const TokenPurpose& purpose, const std::optional<Credential>& credential,
                    const std::stop_token& stop) {
  if (credential && !credential->registry_token.empty()) {
    const auto now = Clock::now();
    return {
        .value = credential->registry_token, .given_at = now, .renew_at = now + kRegistryTokenLife};
  }
  const Url realm = token_realm(purpose.challenge, purpose.host, options_.insecure);
  if (credential && realm.scheme() == "http" && host_kind(realm.host()) != HostKind::loopback) {
    servers_.warn(str_cat("the credentials of ", credential->from, " go to ", realm.origin(),
                          " unencrypted, as --tls-verify=false allows"));
  }
  Application application{.host = purpose.host,
                          .realm = realm,
                          .service = purpose.challenge.parameter("service"),
                          .scopes = purpose.scopes(),
                          .credential = credential,
                          .secrets = {}};
  Credential basic;
  if (credential) {
    application.secrets.add(secrets_of(*credential));
    basic = *credential;
    if (!credential->identity_token.empty()) {
      if (auto token = exchange(application, stop)) return *std::move(token);
      basic = as_password(*credential);
    }
  }
  application.secrets.add(secrets_of(basic));
  TokenQuestion question{
      .url = token_url(realm, application.service, application.scopes, basic.user),
      .host = application.host};
  if (basic.has_password()) question.fields.push_back(basic_field(basic));
  return token_in(servers_.ask_token_server(question, stop), question.url, application);
}

/// Returns a token for an identity token, or nothing if the server knows no such exchange.
std::optional<Token> Tokens::exchange(Application application, const std::stop_token& stop) {
  const Credential& credential = *application.credential;
  const std::optional<Refresh> last = *refresh_.lock();
  const bool is_renewed =
      last && last->realm == application.realm.str() && last->credential == credential;
  if (is_renewed) application.secrets.add(last->token);
  const TokenQuestion question{
      .url = application.realm,
      .host = application.host,
      .form = token_form(application.service, application.scopes,
                         is_renewed ? last->token : credential.identity_token)};
  const TokenAnswer answer = servers_.ask_token_server(question, stop);
  const int status = answer.head.status;
  if (is_renewed && is_refusal(status)) {
    refresh_.lock()->reset();
    return exchange(std::move(application), stop);  // with the identity token itself
  }
  if (status == 400 || status == 404 || status == 405) return std::nullopt;
  Token token = token_in(answer, question.url, application);
  if (!token.refresh_token.empty()) {
    *refresh_.lock() = Refresh{application.realm.str(), credential, token.refresh_token};
  }
  return token;
}

/// Returns the token in `answer`. The message of what it throws has the URL that was `asked`, and
/// says where the credential is from.
Token Tokens::token_in(const TokenAnswer& answer, const Url& asked,
                       const Application& application) const {
  const int status = answer.head.status;
  const Secrets& secrets = application.secrets;
  try {
    if (!is_success(status)) {
      throw failure_of(answer.head, answer.body, "the token server", secrets);
    }
    return parse_token(answer.body, Clock::now());
  } catch (const Error& error) {
    const Errc code = error.code() == Errc::not_found ? Errc::denied : error.code();
    std::string message =
        secrets.hidden_in(str_cat("no token from ", asked.redacted(), ": ", error.what()));
    if (is_success(status)) {
      // What the answer is, but not what it says: that may be a token all the same.
      const std::string type = answer.head.field("Content-Type").value_or("no Content-Type");
      const bool is_cut = answer.body.size() == TokenAnswer::kMost;
      message += str_cat(" (", shown_text(type, secrets, 60), ", ", is_cut ? "at least " : "",
                         answer.body.size(), " bytes)");
    }
    if (code == Errc::denied) message += str_cat("; ", note_of(application.credential));
    if (status == 401 && application.credential) message += " and are not accepted";  // AUTH-11
    throw Error(code, message);
  }
}

}  // namespace digestfs::registry
