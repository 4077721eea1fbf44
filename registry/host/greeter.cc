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

Greeting Greeter::greeting(const std::stop_token& stop) {
  return greeting_.get(
      stop, [](const Greeting&) { return true; },
      [&] {
        Greeting greeting = greet(stop);
        greeting.number = ++count_;
        pace_.note_greeting();
        return greeting;
      });
}

Greeting Greeter::greet(const std::stop_token& stop) {
  try {
    return greet_at(transport_.origin(), stop);
  } catch (const NoTls& failure) {
    // Without a port in its name a host may be at port 80 though nobody is at port 443 (TLS-5).
    if (failure.why == NoTls::Why::nobody && has_port_) throw failure.error;
    DIGESTFS_LOG(debug, "no TLS there, going on with http host=", wire_host_);
  }
  return greet_at(Url::parse(str_cat("http://", wire_host_)), stop);
}

Greeting Greeter::greet_at(const Url& base, const std::stop_token& stop) {
  std::string body;
  const auto take = [&body](const HttpHead&, std::span<const std::byte> part) {
    return collect(body, part, kMaxFailureBody);
  };
  const Url url = base.resolve("/v2/");
  const HttpHead head = transport_.perform(transport_.request_to(Method::get, url), take, stop);
  // A host that redirects may still be a registry, and say what it demands when it is asked for
  // something. The server that it leads to is not believed about it.
  if (is_redirect(head.status)) return {.base = base, .demand = {}};
  if (head.status == 404) {
    // Not `not_found`: that would say something of what is asked for (DEC-6).
    throw Error(Errc::unavailable, str_cat(base.origin(), " is no registry: it has no /v2/"));
  }
  warnings_.pass_on(head, {});
  pace_.heed(base, head, body);
  if (head.status != 200 && head.status != 401) {
    const Error error = failure_of(head, body);
    throw Error(error.code(), str_cat(url.redacted(), ": ", error.what()));
  }
  return {.base = base,
          .demand = {.bearer = find_challenge(head.all("WWW-Authenticate"), "bearer"),
                     .basic = wants_basic(head)}};
}

}  // namespace digestfs::registry
