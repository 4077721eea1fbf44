// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>

#include <openssl/ssl.h>

#include "base/handle.h"

namespace digestfs::test {

/// An authority for certificates, made when it is first asked for, and what it vouches for:
/// servers, and a client.
class TestAuthority {
 public:
  enum class Server {
    good,       ///< at 127.0.0.1, localhost and `own_address()`
    expired,    ///< there until yesterday
    elsewhere,  ///< at elsewhere.invalid
  };

  /// The one of this program.
  [[nodiscard]] static const TestAuthority& instance();

  /// The authority's own certificate, PEM.
  [[nodiscard]] std::string certificate() const;
  /// The client's certificate and key, PEM.
  [[nodiscard]] std::string client_certificate() const;
  [[nodiscard]] std::string client_key() const;

  /// For a server that asks who is there, and takes any answer.
  [[nodiscard]] SSL_CTX* server(Server server) const { return servers_.at(server).get(); }

 private:
  struct Pair {
    std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>> key;
    std::unique_ptr<X509, Deleter<X509_free>> certificate;
  };

  TestAuthority();
  [[nodiscard]] static Pair make(const char* name, const char* extension_name,
                                 const char* extension, const Pair* issuer, long days = 1);
  void add_server(Server server, const std::string& names, long days);

  Pair authority_;
  Pair client_;
  std::map<Server, std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>> servers_;
};

}  // namespace digestfs::test
