// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "registry/http/host_kind.h"
#include "registry/http/url.h"

namespace digestfs::registry {

/// A server that leads us to another URL, by a redirect or by the realm of a challenge.
struct Sender {
  Url url;
  /// The kind of the address that answered. The name in the URL may not tell it.
  HostKind reached = HostKind::name;
};

/// What we follow the URL for.
enum class Errand {
  content,
  token,  ///< A secret goes there or comes back, and nobody else may read it (AUTH-14).
};

/// Throws an error of `code` that says what is wrong, unless `from` may lead us to `to` (EP-8,
/// AUTH-14):
/// - from https to http only if the user wants `insecure`;
/// - for a token to http only on this machine, or if the user wants `insecure`;
/// - never to a link-local address;
/// - to an address of this machine or of a private network only from an address of the same kind,
///   or, for a private network, if the user wants `insecure`.
void check_target(const Sender& from, const Url& to, Errand errand, Errc code,
                  bool insecure = false);

/// The same for the address behind the name in `to`, which must be checked before anything is sent
/// there: `peer` is the kind of the address that we are connected to. A name may stand for an
/// address that `check_target` refuses.
void check_peer(const Sender& from, const Url& to, HostKind peer, Errand errand, Errc code,
                bool insecure = false);

}  // namespace digestfs::registry
