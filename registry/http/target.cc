// SPDX-License-Identifier: Apache-2.0
#include "registry/http/target.h"

#include <string_view>

#include "base/text.h"

namespace digestfs::registry {

void check_target(const Sender& from, const Url& to, Errand errand, Errc code, bool insecure) {
  const bool is_for_token = errand == Errand::token;
  const auto refuse = [&](std::string_view why) {
    throw Error(code, str_cat(from.url.origin(), " sends us to ", to.redacted(),
                              is_for_token ? " for a token, " : ", ", why));
  };
  const HostKind kind = host_kind(to.host());
  if (kind == HostKind::link_local) refuse("a link-local address");
  // A registry of this machine may speak plain http. What it makes us send elsewhere may not be.
  const bool is_secret =
      from.url.scheme() == "https" || (is_for_token && kind != HostKind::loopback);
  if (is_secret && !insecure && to.scheme() == "http") refuse("which is not encrypted");
  if (to.host() == from.url.host() || kind == HostKind::name) return;
  // A server inside a network may lead there: it could reach that address itself.
  if (kind == host_kind(from.url.host()) || kind == from.reached) return;
  if (kind != HostKind::private_net) refuse("an address that is not public");
  if (!insecure) refuse("an address that is not public; --tls-verify=false allows it");
}

}  // namespace digestfs::registry
