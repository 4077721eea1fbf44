// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "base/guarded.h"
#include "base/request.h"
#include "registry/auth/login.h"
#include "registry/auth/tokens.h"
#include "registry/host/client_options.h"
#include "registry/host/greeter.h"
#include "registry/host/pace.h"
#include "registry/host/reply.h"
#include "registry/host/transport.h"
#include "registry/host/warnings.h"
#include "registry/http/http.h"
#include "registry/image/reference.h"

namespace digestfs::registry {

/// One registry host, shared by all clients of its repositories: its connections, greeting,
/// credentials, tokens and pace. Each client passes its own `Scope`. Safe for concurrent use.
class Host final : private TokenServers {
 public:
  /// `reference` names the host; which repository it names does not matter. Connects to nothing
  /// yet.
  Host(const Reference& reference, ClientOptions options);
  ~Host() override;

  /// Asks `question`, with a token or a password if the host demands one. Renews a proof that the
  /// host refuses once, and asks once more if the target of a redirect refuses. Any answer is a
  /// reply, 401 and 500 included. Throws what `Http::perform` throws, and `Error` if the host
  /// cannot be greeted, gives no token, redirects badly, or wants to be left alone for longer than
  /// `request` can wait.
  [[nodiscard]] Reply ask(Scope& scope, const Question& question, const Receive& receive,
                          const Request& request);

  /// Asks `question` of the server of `url`, to which a document of this host leads, and not of
  /// this host. Shows nobody who we are. `url` and each redirect must be a place where this host
  /// may lead us (`check_target`, EP-8). Throws as `ask`.
  [[nodiscard]] Reply ask_foreign(const Url& url, const Question& question, const Receive& receive,
                                  const Request& request);

  /// Waits before another attempt, or throws `error`. See `Pace::wait_to_retry`.
  void wait_to_retry(Scope& scope, const Error& error, Attempts& attempts, const Request& request);

  /// Reads certificates again, and makes credentials be looked for anew; also those for the hosts
  /// that this one leads to.
  void ask_again();

  /// Logs a warning, each text once.
  void warn(const std::string& text) override;

 private:
  /// Another host that this one leads to, as the reader of one repository of it.
  struct Other;

  [[nodiscard]] TokenAnswer ask_token_server(const TokenQuestion& question,
                                             const std::stop_token& stop) override;
  void doubt_challenge() override;

  [[nodiscard]] bool is_told_to_log_in(const Reply& reply, Greeting& greeting, Scope& scope,
                                       const std::stop_token& stop);
  [[nodiscard]] HttpRequest request_for(const Question& question, Method method,
                                        const Greeting& greeting) const;
  [[nodiscard]] std::optional<Reply> try_to_send(HttpRequest http, Greeting& greeting,
                                                 const Question& question, const Proof& proof,
                                                 const Receive& receive, const Request& request);
  [[nodiscard]] Reply send(HttpRequest http, const Question& question, const Proof& proof,
                           const Receive& receive, const Request& request);
  void heed(const Greeting& greeting, const Question& question, const Proof& proof,
            const Demand& demand, Clock::time_point sent_at, Reply& reply, const Request& request);
  [[nodiscard]] Reply ask_elsewhere(const Question& question, Reply reply, const Receive& receive,
                                    const Request& request);
  [[nodiscard]] std::shared_ptr<Other> registry_of(const Reply& reply);

  // Constant after construction.
  ClientOptions options_of_others_;
  // Synchronise themselves.
  Transport transport_;
  Warnings warnings_;
  Pace pace_;
  Greeter greeter_;
  Login login_;
  // Guarded by the lock it lives in.
  Guarded<std::map<std::string, std::shared_ptr<Other>>> others_;  ///< By repository.
};

}  // namespace digestfs::registry
