// SPDX-License-Identifier: Apache-2.0
#include "registry/host/transport.h"

#include <exception>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/host/api_url.h"

namespace digestfs::registry {
namespace {

// How long a small answer may take, as a multiple of how long it may stand still.
constexpr int kStallsOfASmallAnswer = 4;

}  // namespace

Transport::Transport(const Reference& host, const ClientOptions& options)
    : origin_(Url::parse(str_cat("https://", host.wire_host()))),
      is_loopback_(host.is_loopback()),
      is_insecure_(!options.verify_tls),
      longest_(kStallsOfASmallAnswer * options.stall),
      domain_(host.domain),
      directory_(options.certificates),
      environment_(options.credentials.environment),
      http_({.stall = options.stall, .user_agent = options.user_agent}),
      certificates_(read()) {}

std::shared_ptr<const Certificates> Transport::read() const {
  return std::make_shared<const Certificates>(find_certificates(domain_, directory_, environment_));
}

void Transport::reread() {
  try {
    auto certificates = read();
    *certificates_.lock() = std::move(certificates);
  } catch (const std::exception& error) {
    DIGESTFS_LOG(warning, "the certificates that were read before stay in use: ", error.what());
  }
}

HttpRequest Transport::request_to(Method method, const Url& url) const {
  HttpRequest request{.method = method, .url = url, .trust = trust_in(url)};
  request.longest = longest_;
  // The host's certificates are for this host and port alone (TLS-7).
  if (url.origin() == origin_.origin()) request.certificates = certificates();
  return request;
}

Trust Transport::trust_in(const Url& url) const {
  if (is_insecure_) return Trust::anyone;
  // A user who keeps an authority for a registry of this machine wants it to be checked (TLS-6).
  if (url.origin() == origin_.origin() && !certificates()->authorities.empty()) {
    return Trust::verified;
  }
  const bool is_near = is_loopback_ && host_kind(url.host()) == HostKind::loopback;
  return is_near ? Trust::anyone : Trust::verified;
}

std::shared_ptr<const Certificates> Transport::certificates_of_realm(const Url& realm) const {
  if (realm.origin() == origin_.origin()) return certificates();
  Certificates theirs = find_certificates(authority_of(realm), {}, environment_);
  if (theirs.empty()) theirs.authorities = certificates()->authorities;
  return std::make_shared<const Certificates>(std::move(theirs));
}

void Transport::trust_by(std::shared_ptr<const Certificates> certificates,
                         HttpRequest& request) const {
  if (!is_insecure_ && !certificates->authorities.empty()) request.trust = Trust::verified;
  request.certificates = std::move(certificates);
}

HttpHead Transport::perform(const HttpRequest& request, const Receive& receive,
                            const std::stop_token& stop) {
  HttpHead head = http_.perform(request, receive, stop);
  DIGESTFS_LOG(debug, "answered url=", request.url.redacted(), " status=", head.status);
  if (request.url.host() == origin_.host()) *reached_.lock() = head.peer;
  return head;
}

}  // namespace digestfs::registry
