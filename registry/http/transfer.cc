// SPDX-License-Identifier: Apache-2.0
#include "registry/http/transfer.h"

#include <new>
#include <span>
#include <string>

#include "base/error.h"
#include "base/text.h"

namespace digestfs::registry {
namespace {

// A whole head. Registries send a few hundred bytes; curl alone would take endless ones.
constexpr std::size_t kMaxHead = std::size_t{256} << 10U;

std::string_view without_blanks(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

Transfer::Transfer(CURL* easy, const Receive& receive) : easy_(easy), receive_(receive) {
  set(easy, CURLOPT_HEADERFUNCTION, &Transfer::take_head_line);
  set(easy, CURLOPT_HEADERDATA, this);
  set(easy, CURLOPT_WRITEFUNCTION, &Transfer::take_body);
  set(easy, CURLOPT_WRITEDATA, this);
  set(easy, CURLOPT_ERRORBUFFER, details_.data());
}

void Transfer::check_peer(const std::function<void(HostKind)>& check) {
  check_peer_ = &check;
  set(easy_, CURLOPT_PREREQFUNCTION, &Transfer::take_connection);
  set(easy_, CURLOPT_PREREQDATA, this);
}

/// Called by libcurl once there is a connection, new or kept, before it sends the request.
// NOLINTNEXTLINE(readability-non-const-parameter): the signature is libcurl's.
int Transfer::take_connection(void* user, char* peer_address, char* /*own_address*/,
                              int /*peer_port*/, int /*own_port*/) noexcept {
  auto& transfer = *static_cast<Transfer*>(user);
  try {
    (*transfer.check_peer_)(host_kind(peer_address));
    return CURL_PREREQFUNC_OK;
  } catch (...) {
    transfer.failure_ = std::current_exception();
    return CURL_PREREQFUNC_ABORT;
  }
}

/// Called by libcurl for each line of a head.
std::size_t Transfer::take_head_line(char* data, std::size_t size, std::size_t count,
                                     void* user) noexcept {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::size_t bytes = size * count;
  try {
    transfer.head_bytes_ += bytes;
    if (transfer.head_bytes_ > kMaxHead) {
      throw Error(Errc::too_large,
                  str_cat("the answer's head is larger than ", kMaxHead, " bytes"));
    }
    const std::string_view line = without_blanks({data, bytes});
    if (line.starts_with("HTTP/")) {
      transfer.head_ = {};  // an interim answer (1xx) may have come before this one
      transfer.is_head_whole_ = false;
      return bytes;
    }
    if (line.empty()) transfer.is_head_whole_ = true;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return bytes;
    transfer.head_.fields.push_back({std::string(without_blanks(line.substr(0, colon))),
                                     std::string(without_blanks(line.substr(colon + 1)))});
    return bytes;
  } catch (...) {
    transfer.failure_ = std::current_exception();
    return 0;
  }
}

/// Called by libcurl for each part of a body.
std::size_t Transfer::take_body(char* data, std::size_t size, std::size_t count,
                                void* user) noexcept {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::size_t bytes = size * count;
  try {
    long status = 0;
    curl_easy_getinfo(transfer.easy_, CURLINFO_RESPONSE_CODE, &status);
    transfer.head_.status = static_cast<int>(status);
    if (transfer.receive_(transfer.head_, std::as_bytes(std::span(data, bytes))) == Flow::more) {
      return bytes;
    }
    transfer.enough_ = true;
  } catch (...) {
    transfer.failure_ = std::current_exception();
  }
  return bytes + 1;  // any number but `bytes` ends the transfer; 0 would not if `bytes` is 0
}

CURLcode Transfer::run(CURLM* multi, const std::stop_token& stop) {
  if (curl_multi_add_handle(multi, easy_) != CURLM_OK) throw std::bad_alloc();
  struct Removal {
    CURLM* multi;
    CURL* easy;
    ~Removal() { curl_multi_remove_handle(multi, easy); }
  };
  const Removal removal{multi, easy_};
  const std::stop_callback wake(stop, [multi] { curl_multi_wakeup(multi); });
  for (;;) {
    int running = 0;
    if (const CURLMcode code = curl_multi_perform(multi, &running); code != CURLM_OK) {
      throw Error(Errc::unavailable, curl_multi_strerror(code));
    }
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg == CURLMSG_DONE) return message->data.result;
    }
    if (stop.stop_requested()) throw Error(Errc::interrupted, "stopped");
    constexpr int kAtMostMs = 1000;
    curl_multi_poll(multi, nullptr, 0, kAtMostMs, nullptr);
  }
}

}  // namespace digestfs::registry
