// SPDX-License-Identifier: Apache-2.0
#include "registry/http/target.h"

#include <string_view>

#include "base/text.h"

namespace digestfs::registry {

namespace {

[[noreturn]] void refuse(const Sender& from, const Url& to, Errand errand, Errc code,
                         std::string_view why) {
  throw Error(code, str_cat(from.url.origin(), " sends us to ", to.redacted(),
                            errand == Errand::token ? " for a token, " : ", ", why));
}

/// Refuses an address that is not public, or says how a user can allow it.
void check_inside(const Sender& from, const Url& to, HostKind kind, Errand errand, Errc code,
                  bool insecure) {
  if (kind != HostKind::private_net) {
    refuse(from, to, errand, code, "an address that is not public");
  }
  if (!insecure) {
    refuse(from, to, errand, code, "an address that is not public; --tls-verify=false allows it");
  }
}

}  // namespace

void check_target(const Sender& from, const Url& to, Errand errand, Errc code, bool insecure) {
  const HostKind kind = host_kind(to.host());
  if (kind == HostKind::link_local) refuse(from, to, errand, code, "a link-local address");
  // A registry of this machine may speak plain http. What it makes us send elsewhere may not be.
  const bool is_secret =
      from.url.scheme() == "https" || (errand == Errand::token && kind != HostKind::loopback);
  if (is_secret && !insecure && to.scheme() == "http") {
    refuse(from, to, errand, code, "which is not encrypted");
  }
  if (to.host() == from.url.host() || kind == HostKind::name) return;
  // A server inside a network may lead there: it could reach that address itself.
  if (kind == host_kind(from.url.host()) || kind == from.reached) return;
  check_inside(from, to, kind, errand, code, insecure);
}

void check_peer(const Sender& from, const Url& to, HostKind peer, Errand errand, Errc code,
                bool insecure) {
  // An address in the URL itself was checked by `check_target`.
  if (peer == HostKind::name || host_kind(to.host()) != HostKind::name) return;
  if (peer == HostKind::link_local) refuse(from, to, errand, code, "a link-local address");
  if (to.host() == from.url.host() || peer == from.reached) return;
  // A server of this machine can reach the private networks that we reach.
  if (peer == HostKind::private_net && from.reached == HostKind::loopback) return;
  check_inside(from, to, peer, errand, code, insecure);
}

}  // namespace digestfs::registry
