// SPDX-License-Identifier: Apache-2.0
#include "tests/support/landing.h"

#include <future>
#include <memory>

namespace digestfs::test {

void await_landing(const Pending& pending) {
  const auto waiters = pending.waiters();
  // Shared: with a deadline, the flight may land when nobody waits here any longer.
  const auto done = std::make_shared<std::promise<void>>();
  if (!pending.flight->on_landing([done] { done->set_value(); })) return;
  const auto landing = done->get_future();
  if (pending.deadline) {
    static_cast<void>(landing.wait_until(*pending.deadline));
  } else {
    landing.wait();
  }
}

}  // namespace digestfs::test
