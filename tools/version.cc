// SPDX-License-Identifier: Apache-2.0
#include "tools/version.h"

#include <nlohmann/json.hpp>

#include "archive/inflater.h"
#include "archive/zstd.h"
#include "base/digest.h"
#include "base/text.h"
#include "fs/fuse/session.h"
#include "registry/http/http.h"

namespace digestfs::tools {

std::string version_text() {
  // nlohmann_json is all headers: there is no other version than the one compiled in.
  const std::string json = str_cat("nlohmann_json ", NLOHMANN_JSON_VERSION_MAJOR, ".",
                                   NLOHMANN_JSON_VERSION_MINOR, ".", NLOHMANN_JSON_VERSION_PATCH);
  std::string text = "digestfs " DIGESTFS_VERSION "\n";
  for (const std::string& library :
       {fs::fuse_library(), registry::http_library(), hashing_library(),
        archive::inflating_library(), archive::zstd_library(), json}) {
    text += str_cat("  ", library, "\n");
  }
  return text;
}

}  // namespace digestfs::tools
