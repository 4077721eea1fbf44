// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include <openssl/ssl.h>

#include "base/handle.h"

namespace digestfs::test {

/// An authority for certificates, made when it is first asked for, and what it vouches for: a
/// server at 127.0.0.1 and localhost, and a client.
class TestAuthority {
 public:
  /// The one of this program.
  [[nodiscard]] static const TestAuthority& instance();

  /// The authority's own certificate, PEM.
  [[nodiscard]] std::string certificate() const;
  /// The client's certificate and key, PEM.
  [[nodiscard]] std::string client_certificate() const;
  [[nodiscard]] std::string client_key() const;

  /// For a server that asks who is there, and takes any answer.
  [[nodiscard]] SSL_CTX* server() const noexcept { return server_.get(); }

 private:
  struct Pair {
    std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>> key;
    std::unique_ptr<X509, Deleter<X509_free>> certificate;
  };

  TestAuthority();
  [[nodiscard]] static Pair make(const char* name, const char* extension_name,
                                 const char* extension, const Pair* issuer);

  Pair authority_;
  Pair client_;
  std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>> server_;
};

}  // namespace digestfs::test
