// SPDX-License-Identifier: Apache-2.0
#include "registry/auth/login.h"

#include <utility>

#include "base/text.h"
#include "registry/http/failure.h"

namespace digestfs::registry {
namespace {

constexpr const char* kBasic = "Basic ";

std::string nobody(const std::string& domain, const Credentials& credentials) {
  return str_cat("there are no credentials for ", domain, " in ", credentials.places());
}

/// `challenge` without what it says about the one question that it answers.
Challenge without_particulars(Challenge challenge) {
  challenge.parameters.erase("error");
  challenge.parameters.erase("scope");
  return challenge;
}

}  // namespace

bool wants_basic(const HttpHead& head) {
  return find_challenge(head.all("WWW-Authenticate"), "basic").has_value();
}

Demand demand_of(const HttpHead& head) {
  if (head.status != 401) return {};
  Demand demand{.bearer = find_challenge(head.all("WWW-Authenticate"), "bearer"),
                .basic = wants_basic(head)};
  if (demand.bearer) demand.bearer = without_particulars(*std::move(demand.bearer));
  return demand;
}

bool is_challenge(const HttpHead& head) { return demand_of(head).is_any(); }

Scope::Scope(Reference reference) : reference_(std::move(reference)), text_(scope_of(reference_)) {}

Demand Scope::demand(const Greeting& greeting) const {
  const auto learned = learned_.lock();
  return learned->greeting == greeting.number ? learned->demand : greeting.demand;
}

void Scope::learn_bearer(const Greeting& greeting, Challenge challenge) {
  const auto learned = learned_.lock();
  if (learned->greeting != greeting.number) *learned = {greeting.number, greeting.demand};
  learned->demand.bearer = std::move(challenge);
}

void Scope::learn_basic(const Greeting& greeting) {
  const auto learned = learned_.lock();
  if (learned->greeting != greeting.number) *learned = {greeting.number, greeting.demand};
  learned->demand.basic = true;
}

Demand LoginAttempt::demand(Demand known) const {
  if (only_basic) return {.bearer = {}, .basic = true};
  if (instead) known.bearer = instead;
  return known;
}

Login::Login(TokenServers& servers, Options options)
    : credentials_(std::move(options.credentials)),
      tokens_(servers, {.pause = options.pause,
                        .insecure = options.insecure,
                        .nobody = nobody(options.domain, credentials_)}),
      passwords_(options.pause) {}

std::optional<Credential> Login::who(const Scope& scope, const std::stop_token& stop) {
  return credentials_.find(scope.reference(), stop);
}

bool Login::may_be_known(const Scope& scope, const std::stop_token& stop) {
  try {
    return who(scope, stop).has_value();
  } catch (const Error& error) {
    if (error.code() == Errc::interrupted) throw;
    return true;
  }
}

Proof Login::authorise(HttpRequest& request, const Sender& host, const Scope& scope,
                       const Demand& demand, const Stale& stale, const std::stop_token& stop) {
  Proof proof;
  if (demand.bearer) {
    proof = prove({.host = host, .challenge = *demand.bearer, .scope = scope.text()}, scope, stale,
                  stop);
    request.fields.push_back({"Authorization", str_cat("Bearer ", proof.token)});
  } else if (demand.basic) {
    auto credential = who(scope, stop);
    if (credential && !credential->has_password()) {
      proof.without_password = credential->from;
    } else if (credential) {
      proof.is_probe = passwords_.check(*credential);
      request.fields.push_back({"Authorization", kBasic + basic_credentials(*credential)});
      proof.credential = std::move(credential);
    }
  }
  return proof;
}

/// Returns a token of the user who is logged in now.
Proof Login::prove(const TokenPurpose& purpose, const Scope& scope, const Stale& stale,
                   const std::stop_token& stop) {
  Proof proof;
  try {
    proof.credential = who(scope, stop);
  } catch (const Error& error) {
    if (error.code() == Errc::interrupted) throw;
    // A helper that fails now is no reason to drop the token that its credential has led to.
    auto held = tokens_.find(purpose, stale);
    if (!held) throw;
    return {.token = std::move(held->token.value), .credential = std::move(held->credential)};
  }
  try {
    proof.token = tokens_.get(purpose, proof.credential, stale, stop).value;
  } catch (const Error& error) {
    // What a helper said may have expired, and another user may have logged in (CRED-5, CRED-8).
    if (error.code() != Errc::denied) throw;
    credentials_.forget();
    auto now = who(scope, stop);
    if (!now || now == proof.credential) throw;
    proof.credential = std::move(now);
    proof.token = tokens_.get(purpose, proof.credential, stale, stop).value;
  }
  return proof;
}

void Login::accept(const Proof& proof, const std::string& target) {
  passwords_.accept(*proof.credential, target);
}

void Login::give_back(const Proof& proof) { passwords_.give_back(*proof.credential); }

void Login::heed_password(const Greeting& greeting, const std::string& target, const Proof& proof,
                          int status, const Error& refusal, Clock::time_point sent_at,
                          const TryPassword& try_password, const std::stop_token& stop) {
  const Credential& credential = *proof.credential;
  if (status >= 500 || status == 429) {  // such an answer does not tell
    if (proof.is_probe) give_back(proof);
    return;
  }
  if (status != 401) return passwords_.accept(credential, target);
  if (passwords_.refuse_again(credential, sent_at)) return;
  // A password that was good before may still be good, and the 401 may be about `target`. A host
  // that greets without a password, or was not greeted, tells only for what the password was good
  // for.
  if (const auto known = passwords_.accepted_for(credential)) {
    const bool tells = greeting.from == Greeting::From::greeting && greeting.demand.basic;
    const Url url =
        Url::parse(str_cat(greeting.base.origin(), tells ? std::string("/v2/") : *known));
    if (is_good_for(url, credential, sent_at, try_password, stop)) return;
  }
  passwords_.refuse(credential, refusal);
}

/// Returns true if `credential` is not refused for `url`, where it was good before. One thread asks
/// for all whose password was refused meanwhile.
bool Login::is_good_for(const Url& url, const Credential& credential, Clock::time_point since,
                        const TryPassword& try_password, const std::stop_token& stop) {
  const auto is_usable = [&](const Verdict& verdict) {
    return verdict.credential == credential && verdict.asked_at >= since;
  };
  const auto ask = [&]() -> Verdict {
    const auto now = Clock::now();
    return {credential, try_password(url, credential) == 401, now};
  };
  try {
    return !verdict_.get(stop, is_usable, ask).is_refused;
  } catch (const Error& error) {
    if (error.code() == Errc::interrupted) throw;
    return true;
  }
}

void Login::learn(Scope& scope, const Greeting& greeting, const Challenge& challenge) {
  // Some hosts name the service, or another realm, only for a repository (AUTH-1). What the
  // challenge says about the one question is not kept (AUTH-13).
  scope.learn_bearer(greeting, without_particulars(challenge));
}

bool Login::may_ask_again(const HttpHead& head, const Proof& proof, const Demand& demand,
                          const Greeting& greeting, Scope& scope, LoginAttempt& attempt,
                          const std::stop_token& stop) {
  auto bearer = find_challenge(head.all("WWW-Authenticate"), "bearer");
  const bool basic = wants_basic(head);
  // A challenge that comes before any proof was shown refuses nothing.
  if (bearer && proof.token.empty() && !std::exchange(attempt.was_told, true)) {
    scope.learn_bearer(greeting, *std::move(bearer));
    return true;
  }
  // AUTH-13: a proof is renewed once. A 401 without a challenge (GCR), or with a challenge of
  // another scheme (Harbor), means the token, too, if one was sent. A token that has expired says
  // nothing against the credential it was asked for with.
  if (proof.token.empty() || attempt.renewals > 0) credentials_.forget();
  if (attempt.renewals == 0) {
    if (bearer) {
      // A challenge without a realm says that the token is not good (RFC 6750, 3).
      if (bearer->parameter("realm").empty() && demand.bearer) bearer = demand.bearer;
      attempt.instead = std::move(bearer);
    } else if (!demand.bearer) {
      if (!basic) return false;
      scope.learn_basic(greeting);
      // The same password again is no use, and no password is none either.
      const auto credential = who(scope, stop);
      const bool has_any = credential && credential->has_password();
      if (!has_any || credential == proof.credential) return false;
    }
  } else if (attempt.renewals == 1 && basic && !bearer && !proof.token.empty()) {
    const auto credential = who(scope, stop);
    if (!credential || !credential->has_password()) return false;
    attempt.only_basic = true;
    if (attempt.method == Method::head) attempt.method = Method::get;  // it is the last
  } else {
    // The answer to a HEAD has no body that says why (EP-3).
    if (attempt.method != Method::head) return false;
    attempt.method = Method::get;
    attempt.stale.refused.clear();
    return true;
  }
  ++attempt.renewals;
  attempt.stale.refused = proof.token;
  return true;
}

std::string Login::note_of(const Proof& proof, const Demand& demand, const HttpHead& head) const {
  if (!proof.without_password.empty()) {
    return str_cat("the credentials of ", proof.without_password, " have no password for it");
  }
  if (proof.credential || demand.bearer || demand.basic || is_challenge(head)) {
    return tokens_.note_of(proof.credential);
  }
  if (head.status != 401) return "it did not ask who we are";
  std::string schemes;
  for (const std::string& field : head.all("WWW-Authenticate")) {
    for (const Challenge& challenge : parse_challenges(field)) {
      schemes += str_cat(schemes.empty() ? "" : " or ", shown_text(challenge.scheme, {}, 40));
    }
  }
  return schemes.empty() ? "it does not say how to log in"
                         : str_cat("it wants a login by ", schemes, ", which is not supported");
}

}  // namespace digestfs::registry
