// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/guarded.h"
#include "base/handle.h"
#include "registry/image/descriptor.h"
#include "tests/support/image_builder.h"

namespace digestfs::test {

/// A registry on this machine that keeps one repository in memory, serves it well by default and
/// badly as told, and remembers every request. It can as well be the token server or the CDN of
/// another.
class FakeRegistry {
 public:
  enum class Transport {
    plain,      ///< a TLS greeting is hung up on
    tls,        ///< with a certificate by `TestAuthority`
    expired,    ///< TLS with one that was good until yesterday
    elsewhere,  ///< TLS with one of another host
  };

  struct Request {
    std::string method;
    std::string target;  ///< path and query, as sent
    std::vector<std::pair<std::string, std::string>> fields = {};
    std::string body = {};
    bool has_certificate = false;  ///< the client has shown one

    /// The first field of that name; empty where there is none.
    [[nodiscard]] std::string field(std::string_view name) const;
    [[nodiscard]] std::string path() const { return target.substr(0, target.find('?')); }
  };

  struct Response {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> fields = {};
    std::string body = {};
    /// `Content-Length`, where it is not to be the body's length.
    std::optional<std::uint64_t> length = {};
    /// No `Content-Length` at all; the end of the connection is the end of the body.
    bool unframed = false;
    /// Hang up after that many bytes of the body.
    std::optional<std::uint64_t> cut = {};
    /// Say nothing more after that many bytes of the body, until `release`.
    std::optional<std::uint64_t> stall_after = {};
    /// Rest that long after each tenth of the body.
    std::chrono::milliseconds pause = {};
    /// End the connection by a reset instead of in order.
    bool reset = false;
    /// Hang up within the head.
    bool cut_head = false;
    /// Say nothing at all, not even a head, until `release`.
    bool stall = false;
  };

  /// Answers a request, or leaves it to the next handler and to the registry itself in the end.
  using Handler = std::function<std::optional<Response>(const Request&)>;

  /// Listens at `host`, an IPv4 address of this machine.
  explicit FakeRegistry(Transport transport = Transport::plain,
                        std::string repository = "test/repo", std::string host = "127.0.0.1");
  FakeRegistry(const FakeRegistry&) = delete;
  FakeRegistry& operator=(const FakeRegistry&) = delete;
  ~FakeRegistry();

  /// `HOST:PORT`.
  [[nodiscard]] std::string address() const;
  /// `HOST:PORT/test/repo`.
  [[nodiscard]] std::string source() const { return address() + "/" + repository_; }

  registry::Descriptor add_blob(std::string bytes, std::string_view algorithm = "sha256");
  registry::Descriptor add_manifest(std::string bytes, std::string media_type,
                                    std::string_view algorithm = "sha256");
  /// Everything that is in `set`.
  void add(const ObjectSet& set);
  void tag(const std::string& name, const Digest& digest);
  void untag(const std::string& name);
  /// The list of tags comes in pages of that many.
  void set_page_size(std::size_t tags);
  /// From now on a blob rests that long after each tenth of what is sent of it.
  void pace_blobs(std::chrono::milliseconds pause) { pace_ = pause; }
  /// What connections speak from now on.
  void speak(Transport transport);
  [[nodiscard]] bool is_encrypted() const { return transport_ != Transport::plain; }

  /// The last handler that was added is asked first.
  void on(Handler handler);
  /// Every request whose path starts with `prefix` is answered with `response`.
  void on(const std::string& prefix, Response response);
  void clear_handlers();
  /// Ends all stalls, and answers what stalls with nothing.
  void release();

  /// What came so far, in order of arrival.
  [[nodiscard]] std::vector<Request> requests() const;
  void forget_requests();
  /// How many requests had that method and a path starting with `prefix`.
  [[nodiscard]] std::size_t count(std::string_view method, const std::string& prefix) const;
  /// How many connections there were, TLS greetings included.
  [[nodiscard]] std::size_t connections() const;
  /// How many requests stall at the moment.
  [[nodiscard]] std::size_t stalled() const;
  /// `/v2/test/repo` + `rest`.
  [[nodiscard]] std::string path(const std::string& rest) const;

 private:
  struct Object {
    std::string bytes;
    std::string media_type;
  };
  struct State {
    std::map<std::string, Object> blobs;
    std::map<std::string, Object> manifests;
    std::map<std::string, std::string> tags;
    std::size_t page_size = SIZE_MAX;
    std::vector<Handler> handlers;
    std::vector<Request> requests;
    std::list<std::jthread> threads;
    std::vector<int> connections;
    std::size_t accepted = 0;
    std::uint64_t releases = 0;
    std::size_t stalled = 0;
    bool closing = false;
  };

  class Connection;

  void accept_all();
  void serve(UniqueFd socket);
  [[nodiscard]] Response answer(const Request& request);
  [[nodiscard]] Response own_answer(const Request& request);
  [[nodiscard]] Response list_tags(const Request& request);
  [[nodiscard]] bool send(Connection& connection, const Request& request, const Response& response);
  void wait_for_release();

  // Constant after construction.
  std::string repository_;
  std::string host_;
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  // Synchronises itself.
  std::atomic<Transport> transport_;
  std::atomic<std::chrono::milliseconds> pace_{};
  // Guarded by the lock it lives in.
  Guarded<State> state_;
  std::condition_variable released_;
  std::jthread acceptor_;
};

}  // namespace digestfs::test
