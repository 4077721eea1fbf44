// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <exception>
#include <functional>
#include <stop_token>
#include <string_view>

#include "registry/http/curl.h"
#include "registry/http/host_kind.h"
#include "registry/http/http.h"

namespace digestfs::registry {

/// One request on a handle of libcurl, and what has come of its answer. libcurl holds the address
/// of a transfer until the handle is reset, so a transfer is neither copied nor moved. For one
/// thread.
class Transfer {
 public:
  /// Makes `easy` report to this transfer. `receive` takes the body; both must outlive the
  /// transfer.
  Transfer(CURL* easy, const Receive& receive);
  /// Makes `check`, which must outlive the transfer, be called before the request is sent. See
  /// `HttpRequest::check_peer`.
  void check_peer(const std::function<void(HostKind)>& check);
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer() = default;

  /// Runs the request, which was set up on the handle, to its end, and returns libcurl's verdict.
  /// Throws `Errc::interrupted` when `stop` is requested.
  [[nodiscard]] CURLcode run(CURLM* multi, const std::stop_token& stop);

  /// Status and fields of the answer. Complete once `run` has returned.
  [[nodiscard]] HttpHead& head() noexcept { return head_; }
  /// Returns true if all of the head has come.
  [[nodiscard]] bool is_head_whole() const noexcept { return is_head_whole_; }
  /// Returns true if the receiver wanted no more of the body.
  [[nodiscard]] bool is_enough() const noexcept { return enough_; }
  /// What a callback threw, or null.
  [[nodiscard]] const std::exception_ptr& failure() const noexcept { return failure_; }
  /// libcurl's own words for what went wrong; may be empty.
  [[nodiscard]] std::string_view details() const noexcept { return details_.data(); }

 private:
  static std::size_t take_head_line(char* data, std::size_t size, std::size_t count,
                                    void* user) noexcept;
  static std::size_t take_body(char* data, std::size_t size, std::size_t count,
                               void* user) noexcept;
  static int take_connection(void* user, char* peer_address, char* own_address, int peer_port,
                             int own_port) noexcept;

  // Constant after construction.
  CURL* easy_;
  const Receive& receive_;
  const std::function<void(HostKind)>* check_peer_ = nullptr;
  // What has come so far.
  HttpHead head_;
  std::size_t head_bytes_ = 0;
  bool is_head_whole_ = false;
  bool enough_ = false;
  std::exception_ptr failure_;
  std::array<char, CURL_ERROR_SIZE> details_{};
};

}  // namespace digestfs::registry
