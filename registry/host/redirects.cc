// SPDX-License-Identifier: Apache-2.0
#include "registry/host/redirects.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "registry/host/api_url.h"

namespace digestfs::registry {
namespace {

constexpr int kMaxRedirects = 10;

/// Returns true if a redirect leads to where another registry has the same thing.
bool leads_to_registry(const Url& from, const HttpHead& head) {
  try {
    const auto location = head.field("Location");
    return location && repository_of(from.resolve(*location)).has_value();
  } catch (const Error&) {
    return false;  // the URL makes no sense
  }
}

bool is_followed(const Url& from, const HttpHead& head, Follow follow) {
  if (!is_redirect(head.status) || follow == Follow::none) return false;
  return follow == Follow::all || leads_to_registry(from, head);
}

/// The request that goes on to `next`. `first` is where the first request went.
HttpRequest onward(const Transport& transport, HttpRequest request, const Url& next,
                   const Url& first) {
  HttpRequest onward = transport.request_to(request.method, next);
  onward.fields = std::move(request.fields);
  if (next.origin() == request.url.origin()) {
    onward.certificates = request.certificates;
    onward.trust = request.trust;
  }
  onward.decode = request.decode;
  onward.longest = request.longest;
  if (next.origin() != first.origin()) {
    // Once removed, the field stays away: a way back to the registry does not bring it back.
    std::erase_if(onward.fields, [](const Field& field) { return field.name == "Authorization"; });
  }
  return onward;
}

}  // namespace

bool is_redirect(int status) noexcept {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Flow collect(std::string& text, std::span<const std::byte> part, std::size_t limit) {
  const std::size_t room = limit - text.size();
  text += as_text(part.first(std::min(room, part.size())));
  return part.size() <= room ? Flow::more : Flow::enough;
}

Reply follow_redirects(Transport& transport, const Pace& pace, HttpRequest request, Errand errand,
                       Follow follow, const Receive& receive, const std::stop_token& stop) {
  const Url first = request.url;
  Secrets links;
  for (int hop = 0;; ++hop) {
    Reply reply{.head = {}, .failure_body = {}, .url = request.url, .secrets = links};
    const auto take = [&](const HttpHead& head, std::span<const std::byte> part) {
      return is_success(head.status) ? receive(head, part)
                                     : collect(reply.failure_body, part, kMaxFailureBody);
    };
    reply.head = transport.perform(request, take, stop);
    if (!is_followed(request.url, reply.head, follow)) return reply;
    const auto location = reply.head.field("Location");
    if (!location) {
      throw Error(Errc::corrupt, str_cat(request.url.redacted(), " redirects to nowhere"));
    }
    if (hop == kMaxRedirects) {
      throw Error(Errc::corrupt,
                  str_cat(first.redacted(), " redirects more than ", kMaxRedirects, " times"));
    }
    const Url next = request.url.resolve(*location);
    check_target({request.url, reply.head.peer}, next, errand, Errc::corrupt,
                 transport.is_insecure());
    pace.check_elsewhere(next);
    if (errand == Errand::content) links.add_query_of(next);
    const Sender from{request.url, reply.head.peer};
    request = onward(transport, std::move(request), next, first);
    request.check_peer = [from, next, errand, insecure = transport.is_insecure()](HostKind peer) {
      check_peer(from, next, peer, errand, Errc::corrupt, insecure);
    };
  }
}

}  // namespace digestfs::registry
