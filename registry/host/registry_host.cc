// SPDX-License-Identifier: Apache-2.0
#include "registry/host/registry_host.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>
#include <sstream>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/flights.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/host/failure.h"
#include "registry/http/host_kind.h"

namespace digestfs::registry {
namespace {

constexpr int kMaxRedirects = 10;
constexpr std::size_t kMaxFailureBody = std::size_t{64} << 10U;
constexpr std::size_t kMaxTokenBody = std::size_t{1} << 20U;
// Where nobody has answered yet the name may be wrong: said soon (RTY-2).
constexpr int kFirstAttempts = 2;
// Each takes as long as a transfer may stand still.
constexpr int kStalls = 2;
constexpr std::size_t kMaxWarnings = 100;
constexpr std::chrono::hours kRegistryTokenLife{1};
// How long a question may take, in times that it may stand still.
constexpr int kStallsOfAQuestion = 4;
constexpr std::size_t kMaxGates = 64;

/// What an answer other than 2xx means, and who was on the way (PRX-2).
Error failure_of(const HttpHead& head, std::string_view body, std::string_view who = "the registry",
                 const Secrets& secrets = {}) {
  Error error = registry::failure_of(head.status, body, who, secrets);
  if (head.proxy.empty()) return error;
  return {error.code(), str_cat(error.what(), " (through the proxy ", head.proxy, ")")};
}

bool is_redirect(int status) noexcept {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// Adds to `text` up to `limit`, then has had enough.
Flow collect(std::string& text, std::span<const std::byte> part, std::size_t limit) {
  const std::size_t room = limit - text.size();
  text += as_text(part.first(std::min(room, part.size())));
  return part.size() <= room ? Flow::more : Flow::enough;
}

void log_answer(const Url& url, const HttpHead& head) {
  DIGESTFS_LOG(debug, "answered url=", url.redacted(), " status=", head.status);
}

/// What a presigned URL or a refresh token that has expired is refused with, by one server or
/// another (EP-8).
bool is_refusal(int status) noexcept {
  return status == 400 || status == 401 || status == 403 || status == 410;
}

bool can_be_retried(Errc code) noexcept {
  return code == Errc::unavailable || code == Errc::timed_out || code == Errc::rate_limited;
}

bool wants_basic(const HttpHead& head) {
  return find_challenge(head.all("WWW-Authenticate"), "basic").has_value();
}

bool is_lost(int status) noexcept { return status == 404 || status == 410; }

bool is_challenge(const HttpHead& head) {
  return head.status == 401 &&
         (wants_basic(head) || find_challenge(head.all("WWW-Authenticate"), "bearer"));
}

/// What the user said of one registry is said of that one.
ClientOptions for_others(ClientOptions options) {
  options.credentials.given.reset();
  options.certificates.reset();
  // Or who is led anywhere by a registry that need not prove who it is would log in there.
  options.verify_tls = true;
  return options;
}

/// `HOST[:PORT]` as people write it, under which credentials and certificates are kept.
std::string authority_of(const Url& url) {
  std::string host = url.origin().substr(url.scheme().size() + std::string_view("://").size());
  constexpr std::string_view kUsual = ":443";
  if (url.scheme() == "https" && host.ends_with(kUsual)) host.resize(host.size() - kUsual.size());
  return host;
}

/// The repository that a URL of the API is about: `/v2/<path>/<what>/<which>`.
std::optional<Reference> repository_of(const Url& url) {
  constexpr std::string_view kApi = "/v2/";
  std::string_view path = url.path();
  if (!path.starts_with(kApi)) return std::nullopt;
  path.remove_prefix(kApi.size());
  for (int i = 0; i < 2; ++i) {
    const auto slash = path.rfind('/');
    if (slash == std::string_view::npos) return std::nullopt;
    path = path.substr(0, slash);
  }
  if (!is_repository_path(path)) return std::nullopt;
  return Reference{.domain = authority_of(url), .path = std::string(path), .tag = {}, .digest = {}};
}

/// Whether a redirect leads to where another registry has the same. What makes no sense does not.
bool leads_to_registry(const Url& from, const HttpHead& head) {
  try {
    const auto location = head.field("Location");
    return location && repository_of(from.resolve(*location)).has_value();
  } catch (const Error&) {
    return false;
  }
}

/// Whether it comes from another registry, which wants to know who asks.
bool wants_login(const Reply& reply) {
  return is_challenge(reply.head) && repository_of(reply.url).has_value();
}

/// The scopes to ask a token for: what the registry itself said was missing goes first, for some
/// token servers look at the first only (AUTH-13).
std::vector<std::string> scopes_of(const Challenge& challenge, const std::string& own) {
  std::vector<std::string> scopes;
  const std::string wanted = challenge.parameter("scope");
  if (challenge.parameter("error") == "insufficient_scope" && !wanted.empty() && wanted != own) {
    std::istringstream each(wanted);
    for (std::string scope; each >> scope;) {
      if (scope != own) scopes.push_back(scope);
    }
  }
  scopes.push_back(own);
  return scopes;
}

std::string limit(Clock::duration left) {
  return str_cat("it limits the rate and is not to be asked for another ",
                 std::chrono::ceil<std::chrono::seconds>(left).count(), " s");
}

}  // namespace

Error Reply::failure() const {
  const std::string at = url.redacted();
  const Error error =
      is_elsewhere ? failure_of(head, failure_body, at + ", where the registry leads,", secrets)
                   : failure_of(head, failure_body, "the registry", secrets);
  std::string message =
      secrets.hidden_in(is_elsewhere ? std::string(error.what()) : str_cat(at, ": ", error.what()));
  const bool is_said = error.code() == Errc::denied && head.status != 407;
  if (is_said && !credential_note.empty()) message += str_cat("; ", credential_note);
  const bool is_none = error.code() == Errc::not_found && !is_absence();
  return {is_none ? Errc::unavailable : error.code(), message};
}

bool Reply::is_absence() const {
  return is_lost(head.status) && (!is_elsewhere || repository_of(url).has_value());
}

RegistryHost::RegistryHost(const Reference& reference, ClientOptions options)
    : domain_(reference.domain),
      wire_host_(reference.wire_host()),
      scope_(scope_of(reference)),
      own_(Url::parse(str_cat("https://", wire_host_))),
      has_port_(!wire_host_.ends_with(']') && wire_host_.find(':') != std::string::npos),
      is_loopback_(reference.is_loopback()),
      is_insecure_(!options.verify_tls),
      certificates_(find_certificates(reference.domain, options.certificates,
                                      options.credentials.environment)),
      retries_(options.retries),
      options_of_others_(for_others(options)),
      http_({.stall = options.stall, .user_agent = std::move(options.user_agent)}),
      credentials_(reference, std::move(options.credentials)),
      passwords_(options.retries.refusal) {}

Reply RegistryHost::ask(const Question& question, const Receive& receive, std::stop_token stop) {
  pass_gate(question.urgency, stop);
  const Greeting greeting = this->greeting(stop);
  Course course{.method = question.method, .stale = {}, .instead = {}};
  if (question.token_since) course.stale.before = *question.token_since;
  for (;;) {
    HttpRequest request =
        request_to(course.method, Url::parse(str_cat(greeting.base.origin(), question.target)));
    request.fields = question.fields;
    request.decode = question.decode;
    if (question.urgency == Urgency::content) request.longest.reset();
    Demand demand = *demand_.lock();
    if (course.instead) demand.bearer = course.instead;
    if (course.only_basic) demand = {.bearer = {}, .basic = true};
    const Proof proof = authorise(request, greeting.base, demand, course.stale, stop);
    const auto sent_at = Clock::now();
    Reply reply = send(std::move(request), question, proof, receive, stop);
    if (reply.url.origin() != greeting.base.origin()) {
      if (proof.is_password()) passwords_.accept(*proof.credential, question.target);
      const bool has_expired = is_refusal(reply.head.status) && !wants_login(reply);
      if (has_expired && !std::exchange(course.asked_anew, true)) continue;
      return ask_elsewhere(question, std::move(reply), receive, stop);
    }
    *reached_.lock() = reply.head.peer;
    reply.secrets.add(proof.token);
    if (proof.credential) reply.secrets.add(*proof.credential);
    reply.credential_note = note_of(proof, demand, reply.head);
    if (proof.is_password()) heed_password(greeting, question, reply, proof, sent_at, stop);
    pass_warnings_on(reply.head, reply.secrets);
    heed_limit(reply, proof, demand);
    if (reply.head.status == 403) credentials_.doubt();
    if (reply.head.status != 401) {
      if (course.instead && !course.only_basic && is_success(reply.head.status)) {
        learn(*course.instead);
      }
      return reply;
    }
    if (!may_ask_again(reply, proof, demand, course, stop)) return reply;
  }
}

/// Sends `request`. The first byte of an answer tells those who wait that a password is good.
Reply RegistryHost::send(HttpRequest request, const Question& question, const Proof& proof,
                         const Receive& receive, const std::stop_token& stop) {
  if (!proof.is_probe) {
    return follow(std::move(request), Errand::content, question.redirects, receive, stop);
  }
  bool is_told = false;
  const auto take = [&](const HttpHead& head, std::span<const std::byte> part) {
    if (!std::exchange(is_told, true)) passwords_.accept(*proof.credential, question.target);
    return receive(head, part);
  };
  try {
    return follow(std::move(request), Errand::content, question.redirects, take, stop);
  } catch (...) {
    passwords_.give_back(*proof.credential);
    throw;
  }
}

/// What became of `question` where the registry leads, or of asking the registry there.
Reply RegistryHost::ask_elsewhere(const Question& question, Reply reply, const Receive& receive,
                                  const std::stop_token& stop) {
  reply.is_elsewhere = true;
  heed_elsewhere(reply);
  const auto other = question.is_led_here ? nullptr : registry_of(reply);
  if (!other) return reply;
  Question there = question;
  there.target = reply.url.path() + reply.url.query();
  there.is_led_here = true;
  Reply theirs = other->ask(there, receive, stop);
  theirs.secrets.add(reply.secrets);
  return theirs;
}

/// Whether a 401 is worth another attempt, and how.
bool RegistryHost::may_ask_again(const Reply& reply, const Proof& proof, const Demand& demand,
                                 Course& course, const std::stop_token& stop) {
  auto bearer = find_challenge(reply.head.all("WWW-Authenticate"), "bearer");
  const bool basic = wants_basic(reply.head);
  // What it says before anything was shown refuses nothing.
  if (bearer && proof.token.empty() && !std::exchange(course.was_told, true)) {
    demand_.lock()->bearer = std::move(bearer);
    return true;
  }
  // AUTH-13: once; a 401 without a challenge (GCR) or with another scheme's (Harbor) means the
  // token too where one was sent. An expired token says nothing against who asked for it.
  if (proof.token.empty() || course.renewals > 0) credentials_.forget();
  if (course.renewals == 0) {
    if (bearer) {
      // That the token is not good can be said without a realm (RFC 6750, 3).
      if (bearer->parameter("realm").empty() && demand.bearer) bearer = demand.bearer;
      course.instead = std::move(bearer);
    } else if (!demand.bearer) {
      if (!basic) return false;
      demand_.lock()->basic = true;
      // The same again is no use, and neither is nothing.
      const auto credential = credentials_.find(stop);
      const bool has_any = credential && credential->has_password();
      if (!has_any || credential == proof.credential) return false;
    }
  } else if (course.renewals == 1 && basic && !bearer && !proof.token.empty()) {
    const auto credential = credentials_.find(stop);
    if (!credential || !credential->has_password()) return false;
    course.only_basic = true;
    if (course.method == Method::head) course.method = Method::get;  // it is the last
  } else {
    // What came to HEAD has no body that says why (EP-3).
    if (course.method != Method::head) return false;
    course.method = Method::get;
    course.stale.refused.clear();
    return true;
  }
  ++course.renewals;
  course.stale.refused = proof.token;
  return true;
}

/// Keeps a challenge that has led to an answer: some registries name the service, or another realm,
/// only for a repository (AUTH-1). What it says of this one question goes (AUTH-13).
void RegistryHost::learn(const Challenge& challenge) {
  Challenge kept = challenge;
  kept.parameters.erase("error");
  kept.parameters.erase("scope");
  demand_.lock()->bearer = std::move(kept);
}

/// Learns from the answer to a request with a password whether that is to be sent again.
void RegistryHost::heed_password(const Greeting& greeting, const Question& question,
                                 const Reply& reply, const Proof& proof, Clock::time_point sent_at,
                                 const std::stop_token& stop) {
  const Credential& credential = *proof.credential;
  const int status = reply.head.status;
  if (status >= 500 || status == 429) {  // they do not say
    if (proof.is_probe) passwords_.give_back(credential);
    return;
  }
  if (status != 401) return passwords_.accept(credential, question.target);
  if (passwords_.refuse_again(credential, sent_at)) return;
  // One that was good may be good still, and the refusal about what was asked for. A registry that
  // greets everybody tells by what it was good for.
  if (const auto target = passwords_.accepted_for(credential)) {
    const Url known =
        Url::parse(str_cat(greeting.base.origin(), greeting.basic ? "/v2/" : *target));
    if (is_good_for(known, credential, sent_at, stop)) return;
  }
  passwords_.refuse(credential, reply.failure());
}

/// Whether `credential` is not refused where it was good before; one asks for all who were refused
/// elsewhere meanwhile.
bool RegistryHost::is_good_for(const Url& url, const Credential& credential,
                               Clock::time_point since, const std::stop_token& stop) {
  const auto is_usable = [&](const Verdict& verdict) {
    return verdict.credential == credential && verdict.asked_at >= since;
  };
  const auto ask_it = [&]() -> Verdict {
    const auto now = Clock::now();
    HttpRequest request = request_to(Method::get, url);
    request.fields.push_back({"Authorization", str_cat("Basic ", basic_credentials(credential))});
    const auto ignore = [](const HttpHead&, std::span<const std::byte>) { return Flow::enough; };
    const Reply reply =
        follow(std::move(request), Errand::content, Question::Redirects::stay, ignore, stop);
    return {credential, reply.head.status == 401, now};
  };
  try {
    return !verdict_.get(stop, is_usable, ask_it).is_refused;
  } catch (const Error& error) {
    if (error.code() == Errc::interrupted) throw;
    return true;
  }
}

Document RegistryHost::read(const Question& question, std::size_t limit,
                            const std::stop_token& stop) {
  std::string body;
  const auto take = [&](const HttpHead& /*head*/, std::span<const std::byte> part) {
    if (body.size() + part.size() > limit) {
      throw Error(Errc::too_large, str_cat("the answer is larger than ", limit, " bytes"));
    }
    body += as_text(part);
    return Flow::more;
  };
  Reply reply = ask(question, take, stop);
  if (!is_success(reply.head.status)) throw reply.failure();
  return {std::move(reply.head), std::move(body), std::move(reply.url)};
}

/// The registry that `reply` came from, where it is one that wants to know who asks (EP-8): it is
/// told what is for it, and nothing that is for this one.
std::shared_ptr<RegistryHost> RegistryHost::registry_of(const Reply& reply) {
  constexpr std::size_t kMaxOthers = 16;
  if (!wants_login(reply)) return nullptr;
  const auto repository = repository_of(reply.url);
  const std::string name = repository->repository();
  {
    const auto others = others_.lock();
    if (const auto at = others->find(name); at != others->end()) return at->second;
    if (others->size() >= kMaxOthers) return nullptr;
  }
  auto other = std::make_shared<RegistryHost>(*repository, options_of_others_);
  return others_.lock()->try_emplace(name, std::move(other)).first->second;
}

/// Adds what proves who we are, as far as it is asked for.
RegistryHost::Proof RegistryHost::authorise(HttpRequest& request, const Url& base,
                                            const Demand& demand, const Stale& stale,
                                            const std::stop_token& stop) {
  Proof proof;
  if (demand.bearer) {
    proof = prove(base, *demand.bearer, stale, stop);
    request.fields.push_back({"Authorization", str_cat("Bearer ", proof.token)});
  } else if (demand.basic) {
    auto credential = credentials_.find(stop);
    if (credential && !credential->has_password()) {
      proof.without_password = credential->from;
    } else if (credential) {
      proof.is_probe = passwords_.check(*credential);
      request.fields.push_back(
          {"Authorization", str_cat("Basic ", basic_credentials(*credential))});
      proof.credential = std::move(credential);
    }
  }
  return proof;
}

/// A token of who we are now.
RegistryHost::Proof RegistryHost::prove(const Url& base, const Challenge& challenge,
                                        const Stale& stale, const std::stop_token& stop) {
  Proof proof;
  try {
    proof.credential = credentials_.find(stop);
  } catch (const Error& error) {
    // A helper that fails now is no reason to drop what it has helped to.
    const std::string what = purpose_of(challenge);
    if (error.code() == Errc::interrupted) throw;
    std::vector<std::shared_ptr<Grant>> grants = *grants_.lock();
    std::reverse(grants.begin(), grants.end());  // the latest first
    for (const auto& grant : grants) {
      if (grant->purpose.what != what) continue;
      const auto token =
          grant->token.look([&](const Token& in_hand) { return is_good(in_hand, stale); });
      if (token) return {.token = token->value, .credential = grant->purpose.credential};
    }
    throw;
  }
  try {
    proof.token = token(base, challenge, proof.credential, stale, stop).value;
  } catch (const Error& error) {
    // What a helper said may have expired, and somebody else be logged in (CRED-5, CRED-8).
    if (error.code() != Errc::denied) throw;
    credentials_.forget();
    auto now = credentials_.find(stop);
    if (!now || now == proof.credential) throw;
    proof.credential = std::move(now);
    proof.token = token(base, challenge, proof.credential, stale, stop).value;
  }
  return proof;
}

/// Why whoever asked was nobody to a registry that answered with `head`.
std::string RegistryHost::note_of(const Proof& proof, const Demand& demand,
                                  const HttpHead& head) const {
  if (!proof.without_password.empty()) {
    return str_cat("the credentials of ", proof.without_password, " have no password for it");
  }
  if (proof.credential || demand.bearer || demand.basic || is_challenge(head)) {
    return note_of(proof.credential);
  }
  if (head.status != 401) return "it did not ask who we are";
  std::string schemes;
  for (const std::string& field : head.all("WWW-Authenticate")) {
    for (const Challenge& challenge : parse_challenges(field)) {
      schemes += str_cat(schemes.empty() ? "" : " or ", quoted(challenge.scheme, {}, 40));
    }
  }
  return schemes.empty() ? "it does not say how to log in"
                         : str_cat("it wants a login by ", schemes, ", which is not supported");
}

std::string RegistryHost::note_of(const std::optional<Credential>& credential) const {
  if (credential) return str_cat("the credentials of ", credential->from, " were used");
  return str_cat("there are no credentials for ", domain_, " in ", credentials_.places());
}

Trust RegistryHost::trust_in(const Url& url) const {
  if (is_insecure_) return Trust::anyone;
  // Who keeps an authority for a registry of this machine wants it to be asked (TLS-6).
  if (url.origin() == own_.origin() && !certificates_.authorities.empty()) return Trust::verified;
  const bool is_near = is_loopback_ && host_kind(url.host()) == HostKind::loopback;
  return is_near ? Trust::anyone : Trust::verified;
}

/// What is kept for the token server itself, or the authorities of the registry that names it,
/// which are often its own; never the certificate that we show the registry.
Certificates RegistryHost::certificates_of_realm(const Url& realm) const {
  if (realm.origin() == own_.origin()) return certificates_;
  Certificates theirs =
      find_certificates(authority_of(realm), {}, options_of_others_.credentials.environment);
  if (theirs.empty()) theirs.authorities = certificates_.authorities;
  return theirs;
}

HttpRequest RegistryHost::request_to(Method method, const Url& url) const {
  HttpRequest request{.method = method, .url = url, .trust = trust_in(url)};
  // What is small and takes that long is dripped on purpose, and holds up one of few threads.
  request.longest = kStallsOfAQuestion * options_of_others_.stall;
  // They are for this host and port alone (TLS-7).
  if (url.origin() == own_.origin()) request.certificates = &certificates_;
  return request;
}

/// Has `request`, which carries a secret, go by what is kept for whom it is for. An authority that
/// is kept is asked, on this machine too (TLS-6).
void RegistryHost::trust_by(const Certificates& certificates, HttpRequest& request) const {
  request.certificates = &certificates;
  if (!is_insecure_ && !certificates.authorities.empty()) request.trust = Trust::verified;
}

RegistryHost::Greeting RegistryHost::greeting(const std::stop_token& stop) {
  return greeting_.get(
      stop, [](const Greeting&) { return true; },
      [&] {
        Greeting greeting = greet(stop);
        *has_greeted_.lock() = true;
        *demand_.lock() = {greeting.bearer, greeting.basic};
        return greeting;
      });
}

RegistryHost::Greeting RegistryHost::greet(const std::stop_token& stop) {
  try {
    return greet_at(own_, stop);
  } catch (const NoTls& failure) {
    // Without a port there may be somebody at 80 though nobody is at 443 (TLS-5).
    if (failure.why == NoTls::Why::nobody && has_port_) throw failure.error;
    DIGESTFS_LOG(debug, "no TLS there, going on with http host=", wire_host_);
  }
  return greet_at(Url::parse(str_cat("http://", wire_host_)), stop);
}

RegistryHost::Greeting RegistryHost::greet_at(const Url& base, const std::stop_token& stop) {
  std::string body;
  const auto take = [&body](const HttpHead&, std::span<const std::byte> part) {
    return collect(body, part, kMaxFailureBody);
  };
  const Url url = base.resolve("/v2/");
  const HttpHead head = http_.perform(request_to(Method::get, url), take, stop);
  log_answer(url, head);
  *reached_.lock() = head.peer;
  // It may still be one, and say what it wants when it is asked for something; where this leads is
  // not believed about it.
  if (is_redirect(head.status)) return {base, {}, false};
  if (head.status == 404) {
    // Not `not_found`: of what is asked for that says nothing (DEC-6).
    throw Error(Errc::unavailable, str_cat(base.origin(), " is no registry: it has no /v2/"));
  }
  pass_warnings_on(head, {});
  if (const auto wait = wait_asked_for(base, head, body)) limit_.close(*wait);
  if (head.status != 200 && head.status != 401) {
    const Error error = failure_of(head, body);
    throw Error(error.code(), str_cat(url.redacted(), ": ", error.what()));
  }
  return {base, find_challenge(head.all("WWW-Authenticate"), "bearer"), wants_basic(head)};
}

std::string RegistryHost::purpose_of(const Challenge& challenge) const {
  std::string purpose = str_cat(challenge.parameter("realm"), "\n", challenge.parameter("service"));
  for (const std::string& scope : scopes_of(challenge, scope_)) purpose += str_cat("\n", scope);
  return purpose;
}

bool RegistryHost::is_good(const Token& token, const Stale& stale) {
  return token.value != stale.refused && token.given_at >= stale.before &&
         Clock::now() < token.renew_at;
}

std::shared_ptr<RegistryHost::Grant> RegistryHost::grant_of(const Purpose& purpose) {
  constexpr std::size_t kMaxGrants = 8;
  const auto grants = grants_.lock();
  const auto at =
      std::ranges::find_if(*grants, [&](const auto& grant) { return grant->purpose == purpose; });
  if (at != grants->end()) return *at;
  if (grants->size() == kMaxGrants) grants->erase(grants->begin());
  return grants->emplace_back(std::make_shared<Grant>(purpose));
}

Token RegistryHost::token(const Url& base, const Challenge& challenge,
                          const std::optional<Credential>& credential, const Stale& stale,
                          const std::stop_token& stop) {
  const auto grant = grant_of({purpose_of(challenge), credential});
  const auto is_usable = [&](const Token& token) { return is_good(token, stale); };
  return grant->token.get(stop, is_usable, [&] {
    if (const auto refusal = *grant->refusal.lock(); refusal) refusal->check();
    try {
      Token token = fetch_token(base, challenge, credential, stop);
      grant->refusal.lock()->reset();
      return token;
    } catch (const Error& error) {
      if (error.code() == Errc::denied) grant->refuse(error, retries_.refusal);
      // The challenge may have been wrong, or the token server may be another by now.
      if (error.code() != Errc::interrupted && error.code() != Errc::rate_limited) {
        greeting_.forget();
      }
      throw;
    }
  });
}

Token RegistryHost::fetch_token(const Url& base, const Challenge& challenge,
                                const std::optional<Credential>& credential,
                                const std::stop_token& stop) {
  if (credential && !credential->registry_token.empty()) {
    const auto now = Clock::now();
    return {
        .value = credential->registry_token, .given_at = now, .renew_at = now + kRegistryTokenLife};
  }
  const Url realm = token_realm(challenge, {base, *reached_.lock()}, is_insecure_);
  if (credential && realm.scheme() == "http" && host_kind(realm.host()) != HostKind::loopback) {
    warn(str_cat("the credentials of ", credential->from, " go to ", realm.origin(),
                 " unencrypted, as --tls-verify=false allows"));
  }
  if (const auto left = token_limit_.latest() - Clock::now(); left > Clock::duration(0)) {
    // `wait_to_retry` waits, unless that is too long.
    throw Error(Errc::rate_limited, str_cat("no token from ", realm.redacted(), ": ", limit(left)));
  }
  const std::string service = challenge.parameter("service");
  const auto scopes = scopes_of(challenge, scope_);
  Credential basic;
  Secrets secrets;
  if (credential) secrets.add(*credential);
  if (credential && !credential->identity_token.empty()) {
    if (auto token = exchange(realm, service, scopes, *credential, stop)) return *std::move(token);
    // A server that knows no POST may know it as a password (AUTH-9).
    basic = {.user = credential->user.empty() ? "<token>" : credential->user,
             .password = credential->identity_token,
             .identity_token = {},
             .registry_token = {},
             .from = credential->from};
  } else if (credential) {
    basic = *credential;
  }
  secrets.add(basic);
  HttpRequest request = request_to(Method::get, token_url(realm, service, scopes, basic.user));
  const Certificates certificates = certificates_of_realm(realm);
  trust_by(certificates, request);
  if (basic.has_password()) {
    request.fields.push_back({"Authorization", str_cat("Basic ", basic_credentials(basic))});
  }
  std::string body;
  const auto take = [&body](const HttpHead&, std::span<const std::byte> part) {
    return collect(body, part, kMaxTokenBody);
  };
  const Reply reply = follow(request, Errand::token, Question::Redirects::follow, take, stop);
  return token_of(request, reply, body, secrets, credential);
}

/// A token for an identity token; nothing where the server knows no such way.
std::optional<Token> RegistryHost::exchange(const Url& realm, const std::string& service,
                                            const std::vector<std::string>& scopes,
                                            const Credential& credential,
                                            const std::stop_token& stop) {
  const std::optional<Refresh> last = *refresh_.lock();
  const bool is_renewed = last && last->realm == realm.str() && last->credential == credential;
  Secrets secrets;
  secrets.add(credential);
  if (is_renewed) secrets.add(last->token);
  HttpRequest request = request_to(Method::post, realm);
  const Certificates certificates = certificates_of_realm(realm);
  trust_by(certificates, request);
  request.form = token_form(service, scopes, is_renewed ? last->token : credential.identity_token);
  std::string body;
  const auto take = [&body](const HttpHead&, std::span<const std::byte> part) {
    return collect(body, part, kMaxTokenBody);
  };
  // Nobody else is to have what is posted.
  const Reply reply = follow(request, Errand::token, Question::Redirects::stay, take, stop);
  if (is_renewed && is_refusal(reply.head.status)) {
    refresh_.lock()->reset();
    return exchange(realm, service, scopes, credential, stop);  // with the identity token itself
  }
  const int status = reply.head.status;
  if (status == 400 || status == 404 || status == 405) return std::nullopt;
  Token token = token_of(request, reply, body, secrets, credential);
  if (!token.refresh_token.empty()) {
    *refresh_.lock() = Refresh{realm.str(), credential, token.refresh_token};
  }
  return token;
}

/// The token in a token server's answer. Throws with its URL, and with where the credentials that
/// it refused are from.
Token RegistryHost::token_of(const HttpRequest& request, const Reply& reply,
                             const std::string& body, const Secrets& secrets,
                             const std::optional<Credential>& credential) {
  const int status = reply.head.status;
  if (const auto wait = wait_asked_for(reply.url, reply.head, reply.failure_body)) {
    token_limit_.close(*wait);
  }
  try {
    if (!is_success(status)) {
      throw failure_of(reply.head, reply.failure_body, "the token server", secrets);
    }
    return parse_token(body, Clock::now());
  } catch (const Error& error) {
    const Errc code = error.code() == Errc::not_found ? Errc::denied : error.code();
    std::string message =
        secrets.hidden_in(str_cat("no token from ", request.url.redacted(), ": ", error.what()));
    if (is_success(status)) {
      // What it is; what it says may be a token all the same.
      const std::string type = reply.head.field("Content-Type").value_or("no Content-Type");
      message += str_cat(" (", quoted(type, secrets, 60), ", ",
                         body.size() == kMaxTokenBody ? "at least " : "", body.size(), " bytes)");
    }
    if (code == Errc::denied) message += str_cat("; ", note_of(credential));
    if (status == 401 && credential) message += " and are not accepted";  // AUTH-11
    throw Error(code, message);
  }
}

Clock::duration RegistryHost::patience(Urgency urgency) const noexcept {
  return urgency == Urgency::question ? retries_.question : retries_.patience;
}

/// Waits until the registry may be asked again, or says that this takes too long.
void RegistryHost::pass_gate(Urgency urgency, const std::stop_token& stop) {
  const auto deadline = Clock::now() + patience(urgency);
  for (;;) {
    const auto until = closed_until(stop);
    const auto now = Clock::now();
    if (until <= now) return;
    if (until > deadline) {
      throw Error(Errc::rate_limited, str_cat(wire_host_, ": ", limit(until - now)));
    }
    sleep_until(until, stop);
  }
}

/// Until when we are not to ask. Who is logged in by now need not be who was asked to wait
/// (CRED-8).
Clock::time_point RegistryHost::closed_until(const std::stop_token& stop) {
  const auto latest = limit_.latest();
  if (latest <= Clock::now()) return latest;
  try {
    return limit_.until(credentials_.find(stop));
  } catch (const Error& error) {
    if (error.code() == Errc::interrupted) throw;
    return latest;
  }
}

/// For how long a server says that it is not to be asked.
std::optional<std::chrono::milliseconds> RegistryHost::wait_asked_for(
    const Url& url, const HttpHead& head, const std::string& body) const {
  const auto after = head.field("Retry-After");
  const bool is_limit =
      head.status == 429 || (!is_success(head.status) && head.status != 0 && head.status != 401 &&
                             failure_of(head, body).code() == Errc::rate_limited);
  if (!is_limit && !(head.status == 503 && after)) return std::nullopt;
  const auto asked =
      after ? parse_retry_after(*after, std::chrono::system_clock::now()) : std::nullopt;
  const auto wait = asked ? std::chrono::milliseconds(*asked) : back_off(retries_, 1, 1);
  DIGESTFS_LOG(info, "asked to wait for=", url.origin(), " ms=", wait.count(),
               " remaining=", head.field("ratelimit-remaining").value_or("?"));
  return wait;
}

/// Leaves the registry alone where it says that it is asked too much.
void RegistryHost::heed_limit(const Reply& reply, const Proof& proof, const Demand& demand) {
  const auto wait = wait_asked_for(reply.url, reply.head, reply.failure_body);
  if (!wait) return;
  // Where somebody is logged in and was not asked who they are it is for everybody.
  const bool is_known = (demand.bearer || demand.basic) && proof.without_password.empty();
  if (is_known) {
    limit_.close_to(proof.credential, *wait);
  } else {
    limit_.close(*wait);
  }
}

/// Does the same with a host that the registry leads to.
void RegistryHost::heed_elsewhere(const Reply& reply) {
  const auto wait = wait_asked_for(reply.url, reply.head, reply.failure_body);
  if (!wait) return;
  const auto now = Clock::now();
  const auto gates = closed_elsewhere_until_.lock();
  std::erase_if(*gates, [now](const auto& gate) { return gate.second <= now; });
  if (gates->size() >= kMaxGates) return;
  auto& until = (*gates)[reply.url.origin()];
  until = std::max(until, now + *wait);
}

/// Until when nobody at `origin`, or nowhere where it is empty, is to be asked.
Clock::time_point RegistryHost::closed_elsewhere_until(const std::string& origin) const {
  const auto gates = closed_elsewhere_until_.lock();
  Clock::time_point until{};
  for (const auto& [host, time] : *gates) {
    if (origin.empty() || host == origin) until = std::max(until, time);
  }
  return until;
}

/// What a registry wants people to know (distribution-spec, "Warnings").
void RegistryHost::pass_warnings_on(const HttpHead& head, const Secrets& secrets) {
  constexpr std::string_view kStart = "299 - \"";
  for (const std::string& field : head.all("Warning")) {
    if (!field.starts_with(kStart) || !field.ends_with('"') || field.size() <= kStart.size()) {
      continue;
    }
    const auto text =
        std::string_view(field).substr(kStart.size(), field.size() - kStart.size() - 1);
    warn(str_cat("the registry says: ", quoted(text, secrets, 500), " host=", wire_host_));
  }
}

/// Each text once.
void RegistryHost::warn(const std::string& text) {
  {
    const auto warnings = warnings_.lock();
    if (warnings->size() >= kMaxWarnings || !warnings->insert(text).second) return;
  }
  DIGESTFS_LOG(warning, text);
}

void RegistryHost::wait_to_retry(const Error& error, Attempts& attempts,
                                 const std::stop_token& stop) {
  int most = retries_.attempts;
  if (!*has_greeted_.lock()) most = std::min(most, kFirstAttempts);
  if (error.code() == Errc::timed_out) most = std::min(most, kStalls);
  if (!can_be_retried(error.code()) || ++attempts.failures >= most) throw error;
  auto until = Clock::now() + back_off(retries_, attempts.failures, jitter());
  until = std::max(until, closed_until(stop));
  // Who is not held up by those goes on.
  if (error.code() == Errc::rate_limited) {
    until = std::max(until, token_limit_.latest());
    if (attempts.urgency == Urgency::content) until = std::max(until, closed_elsewhere_until(""));
  }
  // Content that takes long moves meanwhile; only the wait counts.
  const auto since = attempts.urgency == Urgency::question ? attempts.since : Clock::now();
  if (until - since > patience(attempts.urgency)) throw error;
  DIGESTFS_LOG(debug, "trying again host=", wire_host_, " failures=", attempts.failures,
               " cause=", error.what());
  sleep_until(until, stop);
}

Reply RegistryHost::follow(HttpRequest request, Errand errand, Question::Redirects redirects,
                           const Receive& receive, const std::stop_token& stop) {
  const Url first = request.url;
  Secrets links;
  for (int hop = 0;; ++hop) {
    Reply reply{.head = {}, .failure_body = {}, .url = request.url, .secrets = links};
    const auto take = [&](const HttpHead& head, std::span<const std::byte> part) {
      return is_success(head.status) ? receive(head, part)
                                     : collect(reply.failure_body, part, kMaxFailureBody);
    };
    try {
      reply.head = http_.perform(request, take, stop);
    } catch (const NoTls& failure) {
      throw failure.error;
    }
    log_answer(request.url, reply.head);
    if (!is_redirect(reply.head.status) || redirects == Question::Redirects::stay) return reply;
    if (redirects == Question::Redirects::to_registries &&
        !leads_to_registry(request.url, reply.head)) {
      return reply;
    }
    const auto location = reply.head.field("Location");
    if (!location) {
      throw Error(Errc::corrupt, str_cat(request.url.redacted(), " redirects to nowhere"));
    }
    if (hop == kMaxRedirects) {
      throw Error(Errc::corrupt,
                  str_cat(first.redacted(), " redirects more than ", kMaxRedirects, " times"));
    }
    Url next = request.url.resolve(*location);
    check_target({request.url, reply.head.peer}, next, errand, Errc::corrupt, is_insecure_);
    const auto left = closed_elsewhere_until(next.origin()) - Clock::now();
    if (left > Clock::duration(0)) {
      throw Error(Errc::rate_limited, str_cat(next.origin(), ": ", limit(left)));
    }
    if (errand == Errand::content) links.add_query_of(next);
    HttpRequest onward = request_to(request.method, next);
    onward.fields = std::move(request.fields);
    if (next.origin() == request.url.origin()) {
      onward.certificates = request.certificates;
      onward.trust = request.trust;
    }
    onward.decode = request.decode;
    onward.longest = request.longest;
    if (next.origin() != first.origin()) {
      // EP-8: what is for the registry is for nobody else; not for it either once we come back.
      std::erase_if(onward.fields,
                    [](const Field& field) { return field.name == "Authorization"; });
    }
    request = std::move(onward);
  }
}

}  // namespace digestfs::registry
