// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

// Failures. Inside the program a failure is an exception, and expected absence is a value
// (`std::optional`, `nullptr`). Only `fs/fuse/operations` turns either of them into an errno.

namespace digestfs {

/// The kind of a failure. Two kinds exist only if some caller treats them differently.
enum class Errc {
  not_found,     ///< the source says, for certain, that there is no such thing
  denied,        ///< 401 or 403 once everything we have was tried
  rate_limited,  ///< 429
  unavailable,   ///< unreachable, or 5xx
  untrusted,     ///< its certificate cannot be trusted; like unreachable, but a retry cannot help
  timed_out,     ///< the transfer stalled, or the caller had no more patience
  corrupt,       ///< the bytes are not the promised bytes, or cannot be decoded
  too_large,     ///< over one of our limits
  unsupported,   ///< a digest algorithm, compression or document that we cannot check or read
  interrupted,   ///< the caller went away, or the daemon is stopping
};

/// Returns the kebab-case word for `code`, as it appears in logs.
[[nodiscard]] std::string_view to_string(Errc code) noexcept;

/// Returns true if the source could not be asked. What is already known of the source may be used
/// meanwhile.
[[nodiscard]] bool is_silence(Errc code) noexcept;

/// Returns true if the failure is an answer of the source, about what was asked for or about who
/// asks, and not the lack of an answer.
[[nodiscard]] bool is_answer(Errc code) noexcept;

/// A failure. Immutable, so that several waiters can share one; to add context, throw a new one.
/// `what()` is one sentence, "cannot <do what> <to what>: <cause>", without a secret in it.
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
