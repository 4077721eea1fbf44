// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

// Failures. Inside the program a failure is an exception; expected absence is a value
// (`std::optional`, `nullptr`). Only `fs/fuse/operations` turns either into an errno.

namespace digestfs {

/// What a caller can branch on. A value exists only where some caller treats it differently.
enum class Errc {
  not_found,     ///< the source says, for certain, that there is no such thing
  denied,        ///< 401 or 403 once everything we have was tried
  rate_limited,  ///< 429
  unavailable,   ///< unreachable, or 5xx
  untrusted,     ///< its certificate is not to be believed: as good as unreachable, and stays so
  timed_out,     ///< it stalled, or nobody waited any longer
  corrupt,       ///< bytes that are not what they were promised to be, or that cannot be decoded
  too_large,     ///< over one of our limits
  unsupported,   ///< a digest algorithm, compression or document that we cannot check or read
  interrupted,   ///< the caller went away, or we are stopping
};

/// The kebab-case word for `code`, as it appears in logs.
[[nodiscard]] std::string_view to_string(Errc code) noexcept;

/// Whether the source could not be asked: what is known of it already may be used meanwhile.
[[nodiscard]] bool is_silence(Errc code) noexcept;

/// Whether it is the source's answer, about what was asked for or about us, and not that there is
/// none now.
[[nodiscard]] bool is_answer(Errc code) noexcept;

/// Immutable, so that waiters can share one; to add context, throw a new one. `what()` is one
/// sentence, "cannot <do what> <to what>: <cause>", without a secret in it.
class Error final : public std::runtime_error {
 public:
  Error(Errc code, const std::string& message) : std::runtime_error(message), code_(code) {}

  [[nodiscard]] Errc code() const noexcept { return code_; }

 private:
  Errc code_;
};

/// Throws `std::system_error` for the current errno: "cannot <doing>: <strerror>".
[[noreturn]] void throw_system_error(std::string_view doing);

}  // namespace digestfs
