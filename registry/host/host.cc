// SPDX-License-Identifier: Apache-2.0
#include "registry/host/host.h"

#include <cstddef>
#include <optional>
#include <span>
#include <utility>

#include "base/text.h"
#include "registry/host/api_url.h"
#include "registry/host/redirects.h"

namespace digestfs::registry {
namespace {

constexpr std::size_t kMaxOthers = 16;

/// The options for a host that another host leads to. What the user said of one host holds for that
/// host only.
ClientOptions for_others(ClientOptions options) {
  options.credentials.given.reset();
  options.certificates.reset();
  // Otherwise a registry that need not prove who it is could lead a login anywhere.
  options.verify_tls = true;
  return options;
}

/// What a presigned URL that has expired is refused with, by one server or another (EP-8).
bool is_refusal(int status) noexcept {
  return status == 400 || status == 401 || status == 403 || status == 410;
}

/// Returns true if a host may answer so to a stranger and otherwise after a login: it refuses,
/// hides what it has, or limits the rate.
bool may_be_for_strangers(int status) noexcept {
  const bool is_about_question = status == 405 || status == 406 || status == 416;
  return status >= 400 && status < 500 && !is_about_question;
}

/// Returns true if `reply` comes from another registry that wants to know who asks.
bool wants_login(const Reply& reply) {
  return is_challenge(reply.head) && repository_of(reply.url).has_value();
}

}  // namespace

struct Host::Other {
  Other(const Reference& repository, ClientOptions options)
      : host(repository, std::move(options)), scope(repository) {}

  Host host;
  Scope scope;
};

Host::Host(const Reference& reference, ClientOptions options)
    : options_of_others_(for_others(options)),
      transport_(reference, options),
      warnings_(reference.wire_host()),
      pace_(reference.wire_host(), options.retries),
      greeter_(reference, transport_, pace_, warnings_),
      login_(*this, {.credentials = std::move(options.credentials),
                     .domain = reference.domain,
                     .pause = options.retries.refusal,
                     .insecure = !options.verify_tls}) {}

Host::~Host() = default;

Reply Host::ask(Scope& scope, const Question& question, const Receive& receive,
                const Request& request) {
  pace_.wait_turn(request, [&] { return login_.who(scope, request.stop); });
  Greeting greeting = greeter_.known();
  // What a stranger is told of absence, of a list, or of a limit is not what a user would be told.
  if (greeting.from != Greeting::From::greeting &&
      (question.depends_on_login || login_.may_be_known(scope, request.stop))) {
    greeting = greeter_.greeting(request.stop);
  }
  std::optional<Reply> for_strangers;
  LoginAttempt attempt{.method = question.method};
  if (question.token_since) attempt.stale.before = *question.token_since;
  bool is_asked_anew = false;
  for (;;) {
    HttpRequest http = request_for(question, attempt.method, greeting);
    const Demand demand = attempt.demand(scope.demand(greeting));
    const Proof proof = login_.authorise(http, {greeting.base, transport_.reached()}, scope, demand,
                                         attempt.stale, request.stop);
    const auto sent_at = Clock::now();
    // Without a proof the same question would get the same answer.
    std::optional<Reply> answer = std::exchange(for_strangers, {});
    if (!answer || proof.is_shown()) {
      answer = try_to_send(std::move(http), greeting, question, proof, receive, request);
    }
    if (!answer) continue;
    Reply reply = *std::move(answer);
    if (!proof.is_shown() && is_told_to_log_in(reply, greeting, scope, request.stop)) {
      for_strangers = std::move(reply);
      continue;
    }
    if (reply.url.origin() != greeting.base.origin()) {
      if (proof.is_password()) login_.accept(proof, question.target);
      const bool has_expired = is_refusal(reply.head.status) && !wants_login(reply);
      if (has_expired && !std::exchange(is_asked_anew, true)) continue;
      return ask_elsewhere(question, std::move(reply), receive, request);
    }
    heed(greeting, question, proof, demand, sent_at, reply, request);
    if (reply.head.status != 401) {
      if (attempt.instead && !attempt.only_basic && is_success(reply.head.status)) {
        Login::learn(scope, greeting, *attempt.instead);
      }
      return reply;
    }
    if (!login_.may_ask_again(reply.head, proof, demand, greeting, scope, attempt, request.stop)) {
      return reply;
    }
  }
}

/// Learns from `reply`, the answer to a stranger, what the host demands; `greeting` is what is
/// known then. Returns true if that is news, and a login may change the answer. A host that does
/// not say what it demands is greeted if a login may change the answer: some say it only there
/// (GCR, AUTH-1).
bool Host::is_told_to_log_in(const Reply& reply, Greeting& greeting, Scope& scope,
                             const std::stop_token& stop) {
  const auto number = greeting.number;
  const bool is_of_host = reply.url.origin() == greeting.base.origin();
  const HttpHead& head = is_of_host ? reply.head : HttpHead{};
  if (is_success(head.status)) scope.note_open();
  if (greeting.from == Greeting::From::nothing) greeting = greeter_.learn(greeting, head);
  const bool is_absence = head.status == 404 && scope.is_open();
  if (is_absence || !may_be_for_strangers(head.status)) return false;
  if (!is_challenge(head)) greeting = greeter_.greeting(stop);
  return greeting.number != number && greeting.demand.is_any();
}

HttpRequest Host::request_for(const Question& question, Method method,
                              const Greeting& greeting) const {
  HttpRequest http =
      transport_.request_to(method, Url::parse(str_cat(greeting.base.origin(), question.target)));
  http.fields = question.fields;
  http.decode = question.decode;
  http.is_tls_tried = greeting.from == Greeting::From::nothing;
  if (question.is_long) http.longest.reset();
  return http;
}

/// Sends `http` as `send` does. Returns nothing if the host was assumed to speak TLS and does not;
/// `greeting` says then that it speaks http.
std::optional<Reply> Host::try_to_send(HttpRequest http, Greeting& greeting,
                                       const Question& question, const Proof& proof,
                                       const Receive& receive, const Request& request) {
  try {
    return send(std::move(http), question, proof, receive, request);
  } catch (const NoTls& failure) {
    greeting = greeter_.without_tls(failure);
    return std::nullopt;
  }
}

/// Sends `http`. If it is the probe of a refused password, the first byte of an answer tells those
/// who wait that the password is good.
Reply Host::send(HttpRequest http, const Question& question, const Proof& proof,
                 const Receive& receive, const Request& request) {
  const auto follow = [&](const Receive& take) {
    return follow_redirects(transport_, pace_, std::move(http), Errand::content, question.redirects,
                            take, request.stop);
  };
  if (!proof.is_probe) return follow(receive);
  bool is_told = false;
  try {
    return follow([&](const HttpHead& head, std::span<const std::byte> part) {
      if (!std::exchange(is_told, true)) login_.accept(proof, question.target);
      return receive(head, part);
    });
  } catch (...) {
    login_.give_back(proof);
    throw;
  }
}

/// Learns what an answer of the host itself tells about its pace and about `proof`, and completes
/// `reply` for messages.
void Host::heed(const Greeting& greeting, const Question& question, const Proof& proof,
                const Demand& demand, Clock::time_point sent_at, Reply& reply,
                const Request& request) {
  reply.secrets.add(proof.token);
  if (proof.credential) reply.secrets.add(secrets_of(*proof.credential));
  reply.credential_note = login_.note_of(proof, demand, reply.head);
  if (proof.is_password()) {
    const auto try_password = [&](const Url& url, const Credential& credential) {
      HttpRequest http = transport_.request_to(Method::get, url);
      http.fields.push_back({"Authorization", str_cat("Basic ", basic_credentials(credential))});
      const auto ignore = [](const HttpHead&, std::span<const std::byte>) { return Flow::enough; };
      return follow_redirects(transport_, pace_, std::move(http), Errand::content, Follow::none,
                              ignore, request.stop)
          .head.status;
    };
    login_.heed_password(greeting, question.target, proof, reply.head.status, reply.failure(),
                         sent_at, try_password, request.stop);
  }
  warnings_.pass_on(reply.head, reply.secrets);
  // A limit is for one account if the host was told whose the question is.
  const bool is_known = (demand.bearer || demand.basic) && proof.without_password.empty();
  pace_.heed(reply.url, reply.head, reply.failure_body, is_known ? &proof.credential : nullptr);
  if (reply.head.status == 403) login_.doubt();
}

/// Completes a reply that came from where the host leads. If another registry there wants to know
/// who asks, asks that registry as a client of its own: it is told what is for it, and nothing that
/// is for this host (EP-8).
Reply Host::ask_elsewhere(const Question& question, Reply reply, const Receive& receive,
                          const Request& request) {
  reply.is_elsewhere = true;
  pace_.heed_elsewhere(reply.url, reply.head, reply.failure_body);
  const auto other = question.is_led_here ? nullptr : registry_of(reply);
  if (!other) return reply;
  Question there = question;
  there.target = reply.url.path() + reply.url.query();
  there.is_led_here = true;
  Reply theirs = other->host.ask(other->scope, there, receive, request);
  theirs.secrets.add(reply.secrets);
  return theirs;
}

Reply Host::ask_foreign(const Url& url, const Question& question, const Receive& receive,
                        const Request& request) {
  const Sender from{greeter_.base(request.stop), transport_.reached()};
  check_target(from, url, Errand::content, Errc::corrupt, transport_.is_insecure());
  pace_.check_elsewhere(url);
  HttpRequest http = transport_.request_to(Method::get, url);
  http.fields = question.fields;
  http.decode = question.decode;
  if (question.is_long) http.longest.reset();
  http.check_peer = [&](HostKind peer) {
    check_peer(from, url, peer, Errand::content, Errc::corrupt, transport_.is_insecure());
  };
  Reply reply = follow_redirects(transport_, pace_, std::move(http), Errand::content, Follow::all,
                                 receive, request.stop);
  reply.is_elsewhere = true;
  reply.secrets.add_query_of(url);
  pace_.heed_elsewhere(reply.url, reply.head, reply.failure_body);
  return reply;
}

/// The registry that `reply` came from. Returns null if it wants no login, or if this host has led
/// to too many.
std::shared_ptr<Host::Other> Host::registry_of(const Reply& reply) {
  if (!wants_login(reply)) return nullptr;
  const auto repository = repository_of(reply.url);
  const std::string name = repository->repository();
  {
    const auto others = others_.lock();
    if (const auto at = others->find(name); at != others->end()) return at->second;
    if (others->size() >= kMaxOthers) return nullptr;
  }
  auto other = std::make_shared<Other>(*repository, options_of_others_);
  return others_.lock()->try_emplace(name, std::move(other)).first->second;
}

TokenAnswer Host::ask_token_server(const TokenQuestion& question, const std::stop_token& stop) {
  pace_.check_token_server(question.url);
  const bool is_post = !question.form.empty();
  HttpRequest http = transport_.request_to(is_post ? Method::post : Method::get, question.url);
  transport_.trust_by(transport_.certificates_of_realm(question.url), http);
  http.fields = question.fields;
  http.form = question.form;
  http.check_peer = [&](HostKind peer) {
    check_peer(question.host, question.url, peer, Errand::token, Errc::denied,
               transport_.is_insecure());
  };
  std::string body;
  const auto take = [&body](const HttpHead&, std::span<const std::byte> part) {
    return collect(body, part, TokenAnswer::kMost);
  };
  Reply reply = follow_redirects(transport_, pace_, std::move(http), Errand::token,
                                 is_post ? Follow::none : Follow::all, take, stop);
  pace_.heed_token_server(reply.url, reply.head, reply.failure_body);
  if (!is_success(reply.head.status)) body = std::move(reply.failure_body);
  return {.head = std::move(reply.head), .body = std::move(body)};
}

void Host::doubt_challenge() { greeter_.forget(); }

void Host::wait_to_retry(Scope& scope, const Error& error, Attempts& attempts,
                         const Request& request) {
  pace_.wait_to_retry(error, attempts, request, [&] { return login_.who(scope, request.stop); });
}

void Host::ask_again() {
  transport_.reread();
  login_.ask_again();
  const auto others = *others_.lock();
  for (const auto& [name, other] : others) other->host.ask_again();
}

void Host::warn(const std::string& text) { warnings_.add(text); }

}  // namespace digestfs::registry
