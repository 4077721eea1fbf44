// SPDX-License-Identifier: Apache-2.0
#include "tools/exit_code.h"

namespace digestfs::tools {

ExitCode exit_code_of(Errc code) noexcept {
  switch (code) {
    case Errc::not_found:
      return ExitCode::not_found;
    case Errc::denied:
      return ExitCode::denied;
    case Errc::rate_limited:
    case Errc::unavailable:
    case Errc::untrusted:
    case Errc::timed_out:
      return ExitCode::unreachable;
    case Errc::corrupt:
    case Errc::too_large:
    case Errc::unsupported:
    case Errc::interrupted:
      break;
  }
  return ExitCode::other;
}

}  // namespace digestfs::tools
