// SPDX-License-Identifier: Apache-2.0
#include "registry/source.h"

#include "base/error.h"
#include "base/text.h"

namespace digestfs::registry {

void Source::fetch_from(const std::string& /*url*/, const Digest& digest, const Range& /*range*/,
                        ObjectSink& /*sink*/, const Request& /*request*/) {
  throw Error(Errc::not_found, str_cat(name(), " has no ", digest, ", and follows no URL to it"));
}

}  // namespace digestfs::registry
