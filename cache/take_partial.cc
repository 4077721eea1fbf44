// SPDX-License-Identifier: Apache-2.0
#include "cache/take_partial.h"

#include <utility>

#include "base/error.h"
#include "base/workers.h"

namespace digestfs::cache {

Partial take_partial(PartialClaim& claim, const std::stop_token& stop) {
  if (stop.stop_requested()) {
    throw Error(Errc::interrupted, "stopped while another process has the partial file");
  }
  if (auto partial = claim.poll()) return *std::move(partial);
  throw NotYet{PartialClaim::kPollEvery};
}

}  // namespace digestfs::cache
