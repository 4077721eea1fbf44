// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "cache/disk/partial.h"

namespace digestfs::cache {

/// Returns the partial file that `claim` is for. While another process holds it and adds to it,
/// throws `NotYet` (base/workers.h): a worker calls this at the start of its work, and holds no
/// thread meanwhile. Throws `Errc::interrupted` on `stop`. After a wait, look again whether the
/// object exists.
[[nodiscard]] Partial take_partial(PartialClaim& claim, const std::stop_token& stop);

}  // namespace digestfs::cache
