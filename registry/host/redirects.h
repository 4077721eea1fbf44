// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <stop_token>
#include <string>

#include "registry/host/pace.h"
#include "registry/host/reply.h"
#include "registry/host/transport.h"
#include "registry/http/http.h"
#include "registry/http/target.h"

namespace digestfs::registry {

/// How much of the body of an answer other than 2xx is kept.
inline constexpr std::size_t kMaxFailureBody = std::size_t{64} << 10U;

[[nodiscard]] bool is_redirect(int status) noexcept;

/// Appends `part` to `text` up to `limit` bytes. Returns `Flow::enough` once `text` is full.
[[nodiscard]] Flow collect(std::string& text, std::span<const std::byte> part, std::size_t limit);

/// Sends `request` and follows redirects as far as `follow` says (EP-8). Nobody but the server that
/// `request` is for receives its `Authorization` field. Throws what `Http::perform` throws;
/// `Errc::corrupt` if a redirect leads nowhere, leads where it must not (`check_target`), or is one
/// of too many; and `rate_limited` while a server on the way wants to be left alone.
[[nodiscard]] Reply follow_redirects(Transport& transport, const Pace& pace, HttpRequest request,
                                     Errand errand, Follow follow, const Receive& receive,
                                     const std::stop_token& stop);

}  // namespace digestfs::registry
