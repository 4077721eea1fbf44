// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <stop_token>

#include "base/flight.h"

namespace digestfs {

/// What the caller of a request does meanwhile. The urgency decides how long a request is retried.
enum class Urgency {
  question,  ///< A process looks a name up and waits a few seconds at most (promise 5).
  content,   ///< A process opens a file and waits for as long as the transfer makes progress.
};

/// How a call to a source (`registry/source.h`) may be spent. A value that every call carries.
struct Request {
  /// The call ends soon with `Errc::interrupted` when a stop is requested.
  std::stop_token stop = {};
  /// The call does not retry or wait past this time. Without a deadline only `urgency` bounds it.
  std::optional<Clock::time_point> deadline = {};
  Urgency urgency = Urgency::question;
};

}  // namespace digestfs
