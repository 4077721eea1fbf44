// SPDX-License-Identifier: Apache-2.0
#include "tools/version.h"

#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "archive/inflater.h"
#include "archive/zstd.h"
#include "base/digest.h"
#include "base/quick_sum.h"
#include "base/text.h"
#include "fs/fuse/session.h"
#include "registry/http/http.h"
#include "registry/local/containers/storage_conf.h"
#include "tools/options.h"

namespace digestfs::tools {

std::string version_text() {
  // nlohmann_json is all headers: there is no other version than the one compiled in.
  const std::string json = str_cat("nlohmann_json ", NLOHMANN_JSON_VERSION_MAJOR, ".",
                                   NLOHMANN_JSON_VERSION_MINOR, ".", NLOHMANN_JSON_VERSION_PATCH);
  // Where the two are one, it is zlib that inflates.
  const std::set<std::string> inflating = {archive::inflating_library(), archive::zlib_library()};
  std::vector<std::string> libraries = {fs::fuse_library(), registry::http_library(),
                                        hashing_library(), summing_library()};
  libraries.insert(libraries.end(), inflating.begin(), inflating.end());
  for (const std::string& library :
       {archive::zstd_library(), json, registry::toml_library(), options_library()}) {
    libraries.push_back(library);
  }
  std::string text = "digestfs " DIGESTFS_VERSION "\n";
  for (const std::string& library : libraries) text += str_cat("  ", library, "\n");
  return text;
}

}  // namespace digestfs::tools
