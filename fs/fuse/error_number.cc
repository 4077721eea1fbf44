// SPDX-License-Identifier: Apache-2.0
#include "fs/fuse/error_number.h"

#include <cerrno>
#include <new>
#include <system_error>

#include "base/error.h"

namespace digestfs::fs {
namespace {

int number_of(Errc code) noexcept {
  switch (code) {
    case Errc::not_found:
      return ENOENT;
    case Errc::denied:
      return EACCES;
    case Errc::rate_limited:
      return EAGAIN;
    case Errc::unavailable:
    case Errc::untrusted:
    case Errc::timed_out:
      return ETIMEDOUT;
    case Errc::corrupt:
      return EIO;
    case Errc::too_large:
      return EFBIG;
    case Errc::unsupported:
      return EOPNOTSUPP;
    case Errc::interrupted:
      return EINTR;
  }
  return EIO;
}

}  // namespace

int error_number(const std::exception_ptr& failure) noexcept {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return number_of(error.code());
  } catch (const std::system_error& error) {
    const auto& category = error.code().category();
    const bool is_errno = category == std::generic_category() || category == std::system_category();
    return is_errno && error.code().value() > 0 ? error.code().value() : EIO;
  } catch (const std::bad_alloc&) {
    return ENOMEM;
  } catch (...) {
    return EIO;
  }
}

}  // namespace digestfs::fs
