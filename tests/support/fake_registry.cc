// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_registry.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>

#include "base/error.h"
#include "base/text.h"
#include "registry/http/field.h"
#include "tests/support/test_authority.h"

namespace digestfs::test {
namespace {

using Request = FakeRegistry::Request;
using Response = FakeRegistry::Response;

Request parse_request(const std::string& head) {
  Request request;
  std::size_t at = head.find("\r\n");
  const std::string line = head.substr(0, at);
  const auto blank = line.find(' ');
  request.method = line.substr(0, blank);
  request.target = line.substr(blank + 1, line.rfind(' ') - blank - 1);
  for (at += 2; at < head.size();) {
    const auto end = head.find("\r\n", at);
    const std::string field = head.substr(at, end - at);
    const auto colon = field.find(':');
    const auto value = field.find_first_not_of(' ', colon + 1);
    request.fields.emplace_back(field.substr(0, colon),
                                value == std::string::npos ? "" : field.substr(value));
    at = end + 2;
  }
  return request;
}

/// The value of a parameter in the query; empty where there is none.
std::string parameter(const Request& request, const std::string& name) {
  const auto query = request.target.find('?');
  if (query == std::string::npos) return {};
  const std::string text = str_cat("&", request.target.substr(query + 1), "&");
  const auto at = text.find(str_cat("&", name, "="));
  if (at == std::string::npos) return {};
  const auto start = at + name.size() + 2;
  return text.substr(start, text.find('&', start) - start);
}

TestAuthority::Server server_of(FakeRegistry::Transport transport) {
  switch (transport) {
    case FakeRegistry::Transport::expired:
      return TestAuthority::Server::expired;
    case FakeRegistry::Transport::elsewhere:
      return TestAuthority::Server::elsewhere;
    case FakeRegistry::Transport::plain:
    case FakeRegistry::Transport::tls:
      break;
  }
  return TestAuthority::Server::good;
}

std::string errors(const std::string& code) {
  return nlohmann::json{{"errors", {{{"code", code}, {"message", "of the fake registry"}}}}}.dump();
}

/// The part of `response` that a `Range: bytes=N-` asks for.
Response ranged(const Request& request, Response response) {
  const std::string range = request.field("Range");
  constexpr std::string_view kBytes = "bytes=";
  if (!range.starts_with(kBytes)) return response;
  std::size_t first = 0;
  std::size_t last = SIZE_MAX;
  const char* const end = range.data() + range.size();
  const auto [dash, problem] = std::from_chars(range.data() + kBytes.size(), end, first);
  if (problem != std::errc()) return response;
  if (dash + 1 < end) std::from_chars(dash + 1, end, last);
  const std::size_t total = response.body.size();
  if (first >= total) {
    return {.status = 416, .fields = {{"Content-Range", str_cat("bytes */", total)}}};
  }
  last = std::min(last, total - 1);
  response.status = 206;
  response.body = response.body.substr(first, last - first + 1);
  response.fields.emplace_back("Content-Range", str_cat("bytes ", first, "-", last, "/", total));
  return response;
}

}  // namespace

std::string Request::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (registry::equals_folded(key, name)) return value;
  }
  return {};
}

/// A connection, encrypted or not.
class FakeRegistry::Connection {
 public:
  Connection(int fd, Transport transport) : fd_(fd) {
    if (transport == Transport::plain) return;
    ssl_.reset(SSL_new(TestAuthority::instance().server(server_of(transport))));
    SSL_set_fd(ssl_.get(), fd);
    open_ = SSL_accept(ssl_.get()) == 1;
    if (open_) peer_.reset(SSL_get1_peer_certificate(ssl_.get()));
  }

  [[nodiscard]] bool has_certificate() const noexcept { return peer_ != nullptr; }

  /// Ends it so that the peer is told of a reset.
  void reset() const {
    constexpr linger kAtOnce{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &kAtOnce, sizeof kAtOnce);
  }

  bool send_all(std::string_view text) {
    while (!text.empty()) {
      const auto size = static_cast<int>(std::min<std::size_t>(text.size(), 1U << 20U));
      const ssize_t sent = ssl_ ? SSL_write(ssl_.get(), text.data(), size)
                                : ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// The next request with its body; nothing at the end, or where it is no HTTP.
  std::optional<Request> receive() {
    constexpr std::string_view kEnd = "\r\n\r\n";
    std::size_t end = 0;
    while ((end = pending_.find(kEnd)) == std::string::npos) {
      if (!receive_more()) return std::nullopt;
    }
    Request request = parse_request(pending_.substr(0, end + 2));
    pending_.erase(0, end + kEnd.size());
    request.has_certificate = has_certificate();
    const std::string field = request.field("Content-Length");
    std::size_t length = 0;
    std::from_chars(field.data(), field.data() + field.size(), length);
    while (pending_.size() < length) {
      if (!receive_more()) return std::nullopt;
    }
    request.body = pending_.substr(0, length);
    pending_.erase(0, length);
    return request;
  }

 private:
  bool receive_more() {
    if (!open_) return false;
    std::array<char, 4096> buffer{};
    const ssize_t got = ssl_ ? SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()))
                             : ::recv(fd_, buffer.data(), buffer.size(), 0);
    constexpr char kTlsHandshake = 0x16;
    if (got <= 0 || (pending_.empty() && buffer[0] == kTlsHandshake)) return false;
    pending_.append(buffer.data(), static_cast<std::size_t>(got));
    return true;
  }

  int fd_;
  bool open_ = true;
  std::unique_ptr<SSL, Deleter<SSL_free>> ssl_;
  std::unique_ptr<X509, Deleter<X509_free>> peer_;
  std::string pending_;
};

FakeRegistry::FakeRegistry(Transport transport, std::string repository, std::string host)
    : repository_(std::move(repository)), host_(std::move(host)), transport_(transport) {
  listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  ::inet_pton(AF_INET, host_.c_str(), &address.sin_addr);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  constexpr int kBacklog = 256;
  if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), kBacklog) != 0 ||
      ::getsockname(listener_.get(), generic, &size) != 0) {
    throw_system_error(str_cat("listen at ", host_));
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::jthread([this] { accept_all(); });
}

FakeRegistry::~FakeRegistry() {
  std::list<std::jthread> threads;
  {
    const auto state = state_.lock();
    state->closing = true;
    ++state->releases;
    for (const int connection : state->connections) ::shutdown(connection, SHUT_RDWR);
    threads.swap(state->threads);
  }
  released_.notify_all();
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
}

std::string FakeRegistry::address() const { return str_cat(host_, ":", port_); }

std::string FakeRegistry::path(const std::string& rest) const {
  return str_cat("/v2/", repository_, rest);
}

registry::Descriptor FakeRegistry::add_blob(std::string bytes, std::string_view algorithm) {
  registry::Descriptor descriptor{.digest = digest_of(bytes, algorithm), .size = bytes.size()};
  state_.lock()->blobs[descriptor.digest.str()] = {std::move(bytes), "application/octet-stream"};
  return descriptor;
}

registry::Descriptor FakeRegistry::add_manifest(std::string bytes, std::string media_type,
                                                std::string_view algorithm) {
  registry::Descriptor descriptor{
      .digest = digest_of(bytes, algorithm), .media_type = media_type, .size = bytes.size()};
  state_.lock()->manifests[descriptor.digest.str()] = {std::move(bytes), std::move(media_type)};
  return descriptor;
}

void FakeRegistry::add(const ObjectSet& set) {
  for (const auto& [digest, object] : set.objects()) {
    if (object.endpoint == registry::Endpoint::manifests) {
      add_manifest(object.bytes, object.media_type);
    } else {
      add_blob(object.bytes, digest.algorithm());
    }
  }
  for (const auto& [name, descriptor] : set.tags()) tag(name, descriptor.digest);
}

void FakeRegistry::tag(const std::string& name, const Digest& digest) {
  state_.lock()->tags[name] = digest.str();
}

void FakeRegistry::untag(const std::string& name) { state_.lock()->tags.erase(name); }

void FakeRegistry::set_page_size(std::size_t tags) { state_.lock()->page_size = tags; }

void FakeRegistry::speak(Transport transport) { transport_ = transport; }

void FakeRegistry::on(Handler handler) { state_.lock()->handlers.push_back(std::move(handler)); }

void FakeRegistry::on(const std::string& prefix, Response response) {
  on([prefix, response](const Request& request) {
    return request.path().starts_with(prefix) ? std::optional(response) : std::nullopt;
  });
}

void FakeRegistry::clear_handlers() { state_.lock()->handlers.clear(); }

void FakeRegistry::release() {
  ++state_.lock()->releases;
  released_.notify_all();
}

std::vector<Request> FakeRegistry::requests() const { return state_.lock()->requests; }

void FakeRegistry::forget_requests() { state_.lock()->requests.clear(); }

std::size_t FakeRegistry::count(std::string_view method, const std::string& prefix) const {
  const auto all = requests();
  return static_cast<std::size_t>(std::ranges::count_if(all, [&](const Request& request) {
    return request.method == method && request.path().starts_with(prefix);
  }));
}

std::size_t FakeRegistry::connections() const { return state_.lock()->accepted; }

std::size_t FakeRegistry::stalled() const { return state_.lock()->stalled; }

void FakeRegistry::accept_all() {
  for (;;) {
    UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const auto state = state_.lock();
    if (!connection || state->closing) return;
    // Head and body are sent apart; without this the second waits for the peer's delayed answer.
    constexpr int kOn = 1;
    ::setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &kOn, sizeof kOn);
    ++state->accepted;
    state->connections.push_back(connection.get());
    state->threads.emplace_back(
        [this, fd = std::move(connection)]() mutable { serve(std::move(fd)); });
  }
}

void FakeRegistry::serve(UniqueFd socket) {
  Connection connection(socket.get(), transport_);
  while (const auto request = connection.receive()) {
    state_.lock()->requests.push_back(*request);
    if (!send(connection, *request, answer(*request))) break;
  }
  std::erase(state_.lock()->connections, socket.get());
}

Response FakeRegistry::answer(const Request& request) {
  const std::vector<Handler> handlers = state_.lock()->handlers;
  for (auto handler = handlers.rbegin(); handler != handlers.rend(); ++handler) {
    if (auto response = (*handler)(request)) return *std::move(response);
  }
  return own_answer(request);
}

Response FakeRegistry::own_answer(const Request& request) {
  const std::string asked = request.path();
  if (asked == "/v2/") return {.body = "{}"};
  if (asked == path("/tags/list")) return list_tags(request);
  const std::string manifests = path("/manifests/");
  const std::string blobs = path("/blobs/");
  const auto state = state_.lock();
  if (asked.starts_with(manifests)) {
    std::string digest = asked.substr(manifests.size());
    if (const auto tag = state->tags.find(digest); tag != state->tags.end()) digest = tag->second;
    if (const auto at = state->manifests.find(digest); at != state->manifests.end()) {
      return {
          .fields = {{"Content-Type", at->second.media_type}, {"Docker-Content-Digest", digest}},
          .body = at->second.bytes};
    }
    return {.status = 404, .body = errors("MANIFEST_UNKNOWN")};
  }
  if (asked.starts_with(blobs)) {
    const std::string digest = asked.substr(blobs.size());
    if (const auto at = state->blobs.find(digest); at != state->blobs.end()) {
      return ranged(request, {.fields = {{"Content-Type", at->second.media_type},
                                         {"Docker-Content-Digest", digest}},
                              .body = at->second.bytes,
                              .pause = pace_});
    }
    return {.status = 404, .body = errors("BLOB_UNKNOWN")};
  }
  return {.status = 404, .body = errors("NAME_UNKNOWN")};
}

Response FakeRegistry::list_tags(const Request& request) {
  nlohmann::json tags = nlohmann::json::array();
  const auto state = state_.lock();
  auto at = state->tags.upper_bound(parameter(request, "last"));
  for (; at != state->tags.end() && tags.size() < state->page_size; ++at) tags.push_back(at->first);
  Response response{.body = nlohmann::json{{"name", repository_}, {"tags", tags}}.dump()};
  if (at != state->tags.end()) {
    const std::string last = tags.back().get<std::string>();
    response.fields.emplace_back(
        "Link", str_cat("<", path("/tags/list"), "?last=", last, ">; rel=\"next\""));
  }
  return response;
}

void FakeRegistry::wait_for_release() {
  auto state = state_.lock();
  const std::uint64_t before = state->releases;
  ++state->stalled;
  released_.wait(state.native(), [&] { return state->releases != before || state->closing; });
  --state->stalled;
}

bool FakeRegistry::send(Connection& connection, const Request& request, const Response& response) {
  if (response.stall) {
    wait_for_release();
    return false;
  }
  std::string head = str_cat("HTTP/1.1 ", response.status, " Status\r\n");
  for (const auto& [name, value] : response.fields) head += str_cat(name, ": ", value, "\r\n");
  if (!response.unframed) {
    head += str_cat("Content-Length: ", response.length.value_or(response.body.size()), "\r\n");
  }
  if (response.cut_head) {
    connection.send_all(head);
    return false;
  }
  if (!connection.send_all(head + "\r\n")) return false;
  if (request.method == "HEAD") return true;
  const auto until = [&](std::optional<std::uint64_t> limit) {
    return static_cast<std::size_t>(
        std::min<std::uint64_t>(limit.value_or(UINT64_MAX), response.body.size()));
  };
  const std::string_view body = response.body;
  if (response.cut) {
    connection.send_all(body.substr(0, until(response.cut)));
    if (response.reset) connection.reset();
    return false;
  }
  if (response.stall_after) {
    const bool sent = connection.send_all(body.substr(0, until(response.stall_after)));
    if (sent) wait_for_release();
    return false;
  }
  const std::size_t piece = response.pause.count() > 0 ? body.size() / 10 + 1 : body.size();
  for (std::size_t at = 0; at < body.size(); at += piece) {
    if (at > 0) std::this_thread::sleep_for(response.pause);
    if (!connection.send_all(body.substr(at, piece))) return false;
  }
  return !response.unframed && !response.length;
}

}  // namespace digestfs::test
