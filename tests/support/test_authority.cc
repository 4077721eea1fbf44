// SPDX-License-Identifier: Apache-2.0
#include "tests/support/test_authority.h"

#include <csignal>
#include <stdexcept>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "tests/support/own_address.h"

namespace digestfs::test {
namespace {

using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;

void require(bool holds) {
  if (!holds) throw std::runtime_error(ERR_error_string(ERR_get_error(), nullptr));
}

std::string text_of(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_X509(bio.get(), certificate) == 1);
  return text_of(bio);
}

}  // namespace

const TestAuthority& TestAuthority::instance() {
  static const TestAuthority authority;
  return authority;
}

TestAuthority::TestAuthority()
    : authority_(make("authority", "basicConstraints", "critical,CA:TRUE", nullptr)),
      client_(make("client", "extendedKeyUsage", "clientAuth", &authority_)) {
  // OpenSSL writes to its socket without a thought for who has hung up.
  std::signal(SIGPIPE, SIG_IGN);
  std::string here = "IP:127.0.0.1,DNS:localhost";
  if (const auto own = own_address()) here += str_cat(",IP:", *own);
  add_server(Server::good, here, 1);
  add_server(Server::expired, here, -1);
  add_server(Server::elsewhere, "DNS:elsewhere.invalid", 1);
}

void TestAuthority::add_server(Server server, const std::string& names, long days) {
  const Pair pair = make("server", "subjectAltName", names.c_str(), &authority_, days);
  auto& context = servers_[server];
  context.reset(SSL_CTX_new(TLS_server_method()));
  require(SSL_CTX_use_certificate(context.get(), pair.certificate.get()) == 1);
  require(SSL_CTX_use_PrivateKey(context.get(), pair.key.get()) == 1);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
}

TestAuthority::Pair TestAuthority::make(const char* name, const char* extension_name,
                                        const char* extension, const Pair* issuer, long days) {
  static long serial = 0;
  constexpr long kDay = 86400;
  Pair made;
  made.key.reset(EVP_EC_gen("P-256"));
  made.certificate.reset(X509_new());
  require(made.key != nullptr && made.certificate != nullptr);
  X509* const x509 = made.certificate.get();
  X509_set_version(x509, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(x509), -2 * kDay);
  X509_gmtime_adj(X509_getm_notAfter(x509), days * kDay);
  X509_set_pubkey(x509, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509* const from = issuer == nullptr ? x509 : issuer->certificate.get();
  X509_set_issuer_name(x509, X509_get_subject_name(from));
  X509V3_CTX context;
  X509V3_set_ctx(&context, from, x509, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>> made_extension(
      X509V3_EXT_conf(nullptr, &context, extension_name, extension));
  require(made_extension != nullptr && X509_add_ext(x509, made_extension.get(), -1) == 1);
  EVP_PKEY* const by = issuer == nullptr ? made.key.get() : issuer->key.get();
  require(X509_sign(x509, by, EVP_sha256()) > 0);
  return made;
}

std::string TestAuthority::certificate() const { return pem(authority_.certificate.get()); }

std::string TestAuthority::client_certificate() const { return pem(client_.certificate.get()); }

std::string TestAuthority::client_key() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_PrivateKey(bio.get(), client_.key.get(), nullptr, nullptr, 0, nullptr,
                                   nullptr) == 1);
  return text_of(bio);
}

}  // namespace digestfs::test
