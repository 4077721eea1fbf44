// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/digest.h"
#include "base/error.h"
#include "registry/image/media_type.h"
#include "registry/image/platform.h"
#include "registry/image/reference.h"
#include "tests/fuzz/require.h"

// What a person types and what becomes a name: references, tags, digests, platforms. Whatever is
// accepted must be harmless in a path and in a URL (DEC-4), and read the same when written again.

namespace {

using digestfs::Digest;
using digestfs::Error;
namespace registry = digestfs::registry;

bool is_one_component(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

void check_reference(std::string_view text) try {
  const auto reference = registry::Reference::parse(text);
  require(reference.path.find("..") == std::string::npos);
  require(reference.path.find_first_of("%?#@: \\") == std::string::npos);
  require(reference.domain.find_first_of("/%?#@ \\") == std::string::npos);
  require(!reference.tag || registry::is_tag(*reference.tag));
  static_cast<void>(reference.is_loopback());
  require(!reference.wire_host().empty());
  std::string written = reference.repository();
  if (reference.tag) written += ':' + *reference.tag;
  if (reference.digest) written += '@' + reference.digest->str();
  const auto again = registry::Reference::parse(written);
  require(again.domain == reference.domain && again.path == reference.path &&
          again.tag == reference.tag && again.digest == reference.digest);
} catch (const Error& error) {
  require(error.code() == digestfs::Errc::unsupported);
}

void check_platform(std::string_view text) try {
  const auto platform = registry::parse_platform(text);
  require(registry::normalised(platform) == platform);
  require(registry::best_match({platform}, platform) <= 0);
} catch (const Error& error) {
  require(error.code() == digestfs::Errc::unsupported);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_reference(text);
  check_platform(text);
  if (registry::is_tag(text)) require(is_one_component(text));
  if (const auto digest = Digest::parse(text)) {
    require(is_one_component(text) && is_one_component(digest->encoded()));
    require(is_one_component(digest->algorithm()));
  }
  if (const auto digest = Digest::parse_hyphenated(text)) {
    require(Digest::parse(digest->str()) == digest);
  }
  static_cast<void>(registry::document_class(text));
  // The same bytes as the parts of a platform, which a document may fill with anything (M12).
  const auto half = text.substr(0, size / 2);
  const registry::Platform platform{std::string(half),
                                    std::string(text.substr(size / 2)),
                                    std::string(text),
                                    std::string(half),
                                    {}};
  const std::string name = registry::directory_name(platform);
  require(name.empty() || is_one_component(name));
  require(name.size() + 13 <= 255);
  return 0;
}
