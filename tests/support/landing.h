// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "base/flight.h"

namespace digestfs::test {

/// Blocks until what `pending` waits for has landed, or its deadline has passed.
void await_landing(const Pending& pending);

/// What `call` returns or throws once nothing is pending any more: it is run again after each
/// landing, as a parked request is.
template <class Call>
auto landed(Call&& call) -> decltype(call()) {
  for (;;) {
    try {
      return call();
    } catch (const Pending& pending) {
      await_landing(pending);
      pending.flight->rethrow_limit();
    }
  }
}

}  // namespace digestfs::test
