// SPDX-License-Identifier: Apache-2.0
#include "registry/registry_host.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/failure.h"
#include "registry/host_kind.h"

namespace digestfs::registry {
namespace {

constexpr int kMaxRedirects = 10;
constexpr std::size_t kMaxFailureBody = std::size_t{64} << 10U;
constexpr std::size_t kMaxTokenBody = std::size_t{1} << 20U;

bool is_success(int status) noexcept { return status >= 200 && status < 300; }

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

/// What a presigned URL that has expired is refused with, by one store or another (EP-8).
bool is_refusal(int status) noexcept {
  return status == 400 || status == 401 || status == 403 || status == 410;
}

}  // namespace

RegistryHost::RegistryHost(const Reference& reference, HttpOptions options)
    : wire_host_(reference.wire_host()),
      repository_path_(reference.path),
      has_port_(!wire_host_.ends_with(']') && wire_host_.find(':') != std::string::npos),
      trust_(reference.is_loopback() ? Trust::loopback : Trust::system),
      http_(std::move(options)) {}

Reply RegistryHost::ask(const Question& question, const Receive& receive, std::stop_token stop) {
  const Greeting greeting = this->greeting(stop);
  std::string refused;
  bool renewed = false;
  bool asked_anew = false;
  for (;;) {
    HttpRequest request{.method = question.method,
                        .url = Url::parse(str_cat(greeting.base.origin(), question.target)),
                        .fields = question.fields,
                        .trust = trust_};
    const std::optional<Challenge> challenge = *bearer_.lock();
    std::string sent;
    if (challenge) {
      sent = token(greeting.base, *challenge, refused, stop).value;
      request.fields.push_back({"Authorization", str_cat("Bearer ", sent)});
    }
    Reply reply = follow(std::move(request), question.redirects, receive, stop);
    const bool elsewhere = reply.url.origin() != greeting.base.origin();
    if (elsewhere && is_refusal(reply.head.status) && !asked_anew) {
      asked_anew = true;
      continue;
    }
    if (elsewhere || reply.head.status != 401 || renewed) return reply;
    // AUTH-13: once, whether it was refused or never had; a 401 without a challenge (GCR) or with
    // another scheme's (Harbor) means the token too where one was sent.
    renewed = true;
    if (auto fresh = find_challenge(reply.head.all("WWW-Authenticate"), "bearer")) {
      *bearer_.lock() = std::move(fresh);
    } else if (!challenge) {
      return reply;
    }
    refused = std::move(sent);
  }
}

RegistryHost::Greeting RegistryHost::greeting(const std::stop_token& stop) {
  return greeting_.get(
      stop, [](const Greeting&) { return true; },
      [&] {
        Greeting greeting = greet(stop);
        const auto bearer = bearer_.lock();
        if (!*bearer) *bearer = greeting.bearer;
        return greeting;
      });
}

RegistryHost::Greeting RegistryHost::greet(const std::stop_token& stop) {
  const Url secure = Url::parse(str_cat("https://", wire_host_));
  if (trust_ == Trust::system) return greet_at(secure, stop);
  try {
    return greet_at(secure, stop);
  } catch (const NotTls&) {
    DIGESTFS_LOG(debug, "no TLS there, going on with http host=", wire_host_);
  } catch (const Error& error) {
    // Without a port there may be somebody at 80 though nobody is at 443 (TLS-5).
    if (has_port_ || error.code() != Errc::unavailable) throw;
  }
  return greet_at(Url::parse(str_cat("http://", wire_host_)), stop);
}

RegistryHost::Greeting RegistryHost::greet_at(const Url& base, const std::stop_token& stop) {
  std::string body;
  const auto take = [&body](const HttpHead&, std::span<const std::byte> part) {
    return collect(body, part, kMaxFailureBody);
  };
  const Url url = base.resolve("/v2/");
  const HttpHead head = http_.perform({.url = url, .trust = trust_}, take, stop);
  log_answer(url, head);
  if (head.status == 404) {
    throw Error(Errc::not_found, str_cat(base.origin(), " is no registry: it has no /v2/"));
  }
  if (head.status != 200 && head.status != 401) throw failure_of(head.status, body);
  return {base, find_challenge(head.all("WWW-Authenticate"), "bearer")};
}

Token RegistryHost::token(const Url& base, const Challenge& challenge, const std::string& refused,
                          const std::stop_token& stop) {
  const auto is_usable = [&](const Token& token) {
    return token.value != refused && Clock::now() < token.renew_at;
  };
  return token_.get(stop, is_usable, [&] { return fetch_token(base, challenge, stop); });
}

Token RegistryHost::fetch_token(const Url& base, const Challenge& challenge,
                                const std::stop_token& stop) {
  const Url url = token_url(challenge, base, repository_path_);
  std::string body;
  const auto take = [&body](const HttpHead&, std::span<const std::byte> part) {
    return collect(body, part, kMaxTokenBody);
  };
  const Reply reply =
      follow({.url = url, .trust = trust_}, Question::Redirects::follow, take, stop);
  const int status = reply.head.status;
  try {
    if (!is_success(status)) throw failure_of(status, reply.failure_body);
    return parse_token(body, Clock::now());
  } catch (const Error& error) {
    const Errc code = error.code() == Errc::not_found ? Errc::denied : error.code();
    throw Error(code, str_cat("no token from ", url.redacted(), ": ", error.what()));
  }
}

Reply RegistryHost::follow(HttpRequest request, Question::Redirects redirects,
                           const Receive& receive, const std::stop_token& stop) {
  const Url first = request.url;
  for (int hop = 0;; ++hop) {
    Reply reply{.head = {}, .failure_body = {}, .url = request.url};
    const auto take = [&](const HttpHead& head, std::span<const std::byte> part) {
      return is_success(head.status) ? receive(head, part)
                                     : collect(reply.failure_body, part, kMaxFailureBody);
    };
    try {
      reply.head = http_.perform(request, take, stop);
    } catch (const NotTls& failure) {
      throw failure.error;
    }
    log_answer(request.url, reply.head);
    if (!is_redirect(reply.head.status) || redirects == Question::Redirects::stay) return reply;
    const auto location = reply.head.field("Location");
    if (!location) {
      throw Error(Errc::corrupt, str_cat(request.url.redacted(), " redirects to nowhere"));
    }
    if (hop == kMaxRedirects) {
      throw Error(Errc::corrupt,
                  str_cat(first.redacted(), " redirects more than ", kMaxRedirects, " times"));
    }
    Url next = request.url.resolve(*location);
    check_target(request.url, next, Errc::corrupt);
    if (next.origin() != first.origin()) {
      // EP-8: what is for the registry is for nobody else; not for it either once we come back.
      std::erase_if(request.fields,
                    [](const Field& field) { return field.name == "Authorization"; });
      request.trust = host_kind(next.host()) == HostKind::loopback ? trust_ : Trust::system;
    }
    request.url = std::move(next);
  }
}

}  // namespace digestfs::registry
