// SPDX-License-Identifier: Apache-2.0
#include "registry/host/greeter.h"

#include <algorithm>
#include <cstddef>
#include <span>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/host/redirects.h"
#include "registry/http/failure.h"

namespace digestfs::registry {

Greeter::Greeter(const Reference& host, Transport& transport, Pace& pace, Warnings& warnings)
    : wire_host_(host.wire_host()),
      has_port_(!wire_host_.ends_with(']') && wire_host_.find(':') != std::string::npos),
      transport_(transport),
      pace_(pace),
      warnings_(warnings) {}

Greeting Greeter::known() const {
  const auto known = greeting_.look([](const Greeting&) { return true; });
  return known ? *known : Greeting{.base = transport_.origin()};
}

Url Greeter::base(const std::stop_token& stop) {
  const Greeting greeting = known();
  return greeting.from == Greeting::From::nothing ? this->greeting(stop).base : greeting.base;
}

Greeting Greeter::without_tls(const NoTls& failure) const {
  // Without a port in its name a host may be at port 80 though nobody is at port 443.
  if (failure.why == NoTls::Why::nobody && has_port_) throw failure.error;
  DIGESTFS_LOG(debug, "no TLS there, going on with http host=", wire_host_);
  return {.base = Url::parse(str_cat("http://", wire_host_))};
}

Greeting Greeter::learn(const Greeting& assumed, const HttpHead& head) {
  pace_.note_greeting();
  // A server may only have been too slow to speak TLS, and says of http that it does not speak it.
  const bool is_http = assumed.base.scheme() == "http";
  if (is_http && head.status >= 400 && head.status != 401) return assumed;
  return greeting_.offer({.base = assumed.base,
                          .demand = demand_of(head),
                          .from = Greeting::From::question,
                          .number = ++count_});
}

Greeting Greeter::greeting(const std::stop_token& stop) {
  return greeting_.get(
      stop, [](const Greeting& known) { return known.from == Greeting::From::greeting; },
      [&] {
        Greeting greeting = greet(stop);
        greeting.from = Greeting::From::greeting;
        greeting.number = ++count_;
        pace_.note_greeting();
        return greeting;
      });
}

Greeting Greeter::greet(const std::stop_token& stop) {
  try {
    return greet_at(known(), stop);
  } catch (const NoTls& failure) {
    return greet_at(without_tls(failure), stop);
  }
}

/// Asks for `/v2/` at the base of `assumed`.
Greeting Greeter::greet_at(Greeting assumed, const std::stop_token& stop) {
  std::string body;
  const auto take = [&body](const HttpHead&, std::span<const std::byte> part) {
    return collect(body, part, kMaxFailureBody);
  };
  const Url url = assumed.base.resolve("/v2/");
  HttpRequest request = transport_.request_to(Method::get, url);
  request.is_tls_tried = assumed.from == Greeting::From::nothing;
  const HttpHead head = transport_.perform(request, take, stop);
  assumed.demand = demand_of(head);
  // A host that redirects may still be a registry, and say what it demands when it is asked for
  // something. The server that it leads to is not believed about it.
  if (is_redirect(head.status)) return assumed;
  if (head.status == 404) {
    // Not `not_found`: that would say something of what is asked for (DEC-6).
    throw Error(Errc::unavailable,
                str_cat(assumed.base.origin(), " is no registry: it has no /v2/"));
  }
  warnings_.pass_on(head, {});
  pace_.heed(assumed.base, head, body);
  if (head.status != 200 && head.status != 401) {
    const Error error = failure_of(head, body);
    throw Error(error.code(), str_cat(url.redacted(), ": ", error.what()));
  }
  return assumed;
}

}  // namespace digestfs::registry
