// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <curl/curl.h>

#include "base/error.h"
#include "base/handle.h"
#include "base/text.h"

// Owners of libcurl's handles. Only the sources of this folder include this file; no other header
// does.

namespace digestfs::registry {

using CurlEasy = std::unique_ptr<CURL, Deleter<curl_easy_cleanup>>;
using CurlMulti = std::unique_ptr<CURLM, Deleter<curl_multi_cleanup>>;
using CurlUrl = std::unique_ptr<CURLU, Deleter<curl_url_cleanup>>;
using CurlText = std::unique_ptr<char, Deleter<curl_free>>;
using CurlList = std::unique_ptr<curl_slist, Deleter<curl_slist_free_all>>;

/// Sets one option of a transfer. Throws `Errc::unsupported` if this libcurl does not take it.
template <class T>
void set(CURL* easy, CURLoption option, T value) {
  const CURLcode code = curl_easy_setopt(easy, option, value);
  if (code == CURLE_OK) return;
  throw Error(Errc::unsupported, str_cat("libcurl refuses option ", static_cast<int>(option), ": ",
                                         curl_easy_strerror(code)));
}

}  // namespace digestfs::registry
