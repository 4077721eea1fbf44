// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/digest.h"
#include "base/request.h"
#include "registry/host/access.h"
#include "registry/source.h"

namespace digestfs::registry {

/// Streams `range` of a blob to `sink`. If the registry sends another part than was asked for,
/// starts again from byte 0 (EP-9); a part with an end is one of many, and fails with
/// `Errc::unsupported`. Undoes a content coding if the digest shows that it is not the blob's own
/// (VER-9). Tries again after a failure that may pass, unless bytes have come: the caller, who
/// keeps them, knows from where to go on. Throws what the sink throws as it is.
void fetch_blob(Access& access, const Digest& digest, const Range& range, ObjectSink& sink,
                const Request& request);

/// The same from the server of `url`, to which a document of the registry leads. Tries nothing
/// again. A server that wants a login is `corrupt`, because it is not told who we are (B11).
void fetch_foreign_blob(Access& access, const Url& url, const Digest& digest, const Range& range,
                        ObjectSink& sink, const Request& request);

}  // namespace digestfs::registry
