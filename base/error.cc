// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <cerrno>
#include <system_error>

#include "base/text.h"

namespace digestfs {

std::string_view to_string(Errc code) noexcept {
  switch (code) {
    case Errc::not_found:
      return "not-found";
    case Errc::denied:
      return "denied";
    case Errc::rate_limited:
      return "rate-limited";
    case Errc::unavailable:
      return "unavailable";
    case Errc::untrusted:
      return "untrusted";
    case Errc::timed_out:
      return "timed-out";
    case Errc::corrupt:
      return "corrupt";
    case Errc::too_large:
      return "too-large";
    case Errc::unsupported:
      return "unsupported";
    case Errc::interrupted:
      return "interrupted";
  }
  return "unknown";
}

bool is_silence(Errc code) noexcept {
  return code == Errc::unavailable || code == Errc::untrusted || code == Errc::timed_out ||
         code == Errc::rate_limited;
}

bool is_answer(Errc code) noexcept { return !is_silence(code) && code != Errc::interrupted; }

void throw_system_error(std::string_view doing) {
  const int saved = errno;
  throw std::system_error(saved, std::generic_category(), str_cat("cannot ", doing));
}

}  // namespace digestfs
