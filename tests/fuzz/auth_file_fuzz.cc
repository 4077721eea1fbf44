// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "registry/auth/auth_file.h"
#include "tests/fuzz/require.h"

// Files of credentials: written by many programs, and by hand. No message quotes what is in them.

namespace {

using namespace digestfs;

void check(std::string_view text, registry::AuthFile::Form form) try {
  const auto file = registry::AuthFile::parse(text, form);
  for (const char* name : {"alpine", "h.example/a/b", "localhost:5000/x"}) {
    const auto repository = registry::Reference::parse(name);
    if (const auto credential = file.find(repository)) {
      require(!credential->empty());
      // It goes into a head of HTTP as it is.
      require(credential->registry_token.find_first_of("\r\n") == std::string::npos);
    }
    if (const auto helper = file.helper_for(repository)) require(!helper->servers.empty());
  }
} catch (const Error& error) {
  require(error.code() == Errc::corrupt);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(text, registry::AuthFile::Form::current);
  check(text, registry::AuthFile::Form::legacy);
  return 0;
}
