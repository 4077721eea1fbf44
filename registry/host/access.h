// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/error.h"
#include "base/request.h"
#include "registry/auth/login.h"
#include "registry/host/host.h"
#include "registry/host/reply.h"
#include "registry/http/http.h"
#include "registry/image/reference.h"
#include "registry/source.h"

namespace digestfs::registry {

/// Access to one repository of a host, or to its catalogue: everything that is asked through one
/// object has the same scope. Safe for concurrent use.
class Access {
 public:
  /// `reference` names a repository of `host`, or the host alone.
  Access(std::shared_ptr<Host> host, const Reference& reference);

  /// `docker://quay.io/a/b`, for messages.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// The path of the repository in the API: `/v2/a/b`.
  [[nodiscard]] const std::string& root() const noexcept { return root_; }
  /// The path of an object: `/v2/a/b/blobs/sha256:…`.
  [[nodiscard]] std::string target(Endpoint endpoint, std::string_view object) const;

  /// Asks the host. See `Host::ask`.
  [[nodiscard]] Reply ask(const Question& question, const Receive& receive, const Request& request);

  /// Asks the server of `url` instead. See `Host::ask_foreign`.
  [[nodiscard]] Reply ask_foreign(const Url& url, const Question& question, const Receive& receive,
                                  const Request& request) {
    return host_->ask_foreign(url, question, receive, request);
  }

  /// Asks for something small. Throws what `ask` throws, `too_large` for an answer of more than
  /// `limit` bytes, and what a status other than 2xx means.
  [[nodiscard]] Document read(const Question& question, std::size_t limit, const Request& request);

  /// Asks whether an object exists, without asking anybody but the host (EP-7).
  [[nodiscard]] std::optional<ObjectInfo> find(Endpoint endpoint, const Digest& digest,
                                               const Request& request);

  /// Runs `work`, and runs it again after a failure that may pass (RTY-1). The message of what it
  /// throws in the end is "cannot <what>: …".
  template <class Work>
  auto persist(const std::string& what, const Request& request, const Work& work)
      -> decltype(work()) {
    try {
      for (Attempts attempts;;) {
        try {
          return work();
        } catch (const Error& error) {
          wait_to_retry(error, attempts, request);
        }
      }
    } catch (const Error& error) {
      throw Error(error.code(), "cannot " + what + ": " + error.what());
    }
  }

  /// Waits before another attempt, or throws `error`. See `Pace::wait_to_retry`.
  void wait_to_retry(const Error& error, Attempts& attempts, const Request& request);

  /// Makes credentials be looked for anew.
  void ask_again() { host_->ask_again(); }

  /// Logs a warning, each text once.
  void warn(const std::string& text) { host_->warn(text); }

 private:
  // Constant after construction.
  std::shared_ptr<Host> host_;
  std::string name_;
  std::string root_;
  // Synchronises itself.
  Scope scope_;
};

/// The `Accept` field with all manifests that we can read, in one line: some registries look at the
/// first line only (EP-1).
[[nodiscard]] const Field& accept_manifests();

/// A field that makes caches on the way ask the registry (RFC 9111, 5.2.1.4).
[[nodiscard]] Field past_caches();

/// Returns true if the answer to a HEAD with this status means that only a GET works, or that only
/// the answer to a GET says why not.
[[nodiscard]] bool asks_for_get(int status) noexcept;

/// Returns true if the body of the answer is in a content coding.
[[nodiscard]] bool is_coded(const HttpHead& head);

/// The length of the object that an answer carries, if the answer tells. In a content coding, the
/// length of the body is not that of the object (EP-7).
[[nodiscard]] std::optional<std::uint64_t> content_length(const HttpHead& head);

/// A receiver that wants nothing of a body.
[[nodiscard]] Flow ignore_body(const HttpHead& head, std::span<const std::byte> part);

}  // namespace digestfs::registry
