// SPDX-License-Identifier: Apache-2.0
#include "registry/http/certificates.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace digestfs::registry {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  if (!stream) throw Error(Errc::unsupported, str_cat("cannot read ", path.native()));
  return text.str();
}

fs::path with_extension(fs::path path, const char* extension) {
  return path.replace_extension(extension);
}

/// What a certificate without a key of the same name means.
enum class Alone {
  half,   ///< of a pair, and a mistake
  whole,  ///< with the key in it
};

/// Returns nothing if this is no directory that we may read.
std::optional<Certificates> read_directory(const fs::path& directory, Alone alone = Alone::half) {
  std::error_code unreadable;
  const fs::directory_iterator entries(directory, unreadable);
  if (unreadable) return std::nullopt;
  std::vector<fs::path> files;
  for (const auto& entry : entries) files.push_back(entry.path());
  std::ranges::sort(files);
  Certificates certificates;
  for (const fs::path& file : files) {
    const std::string extension = file.extension();
    std::error_code problem;
    if (extension == ".crt") {
      certificates.authorities += read_file(file) + "\n";
    } else if (extension == ".cert") {
      const fs::path key = with_extension(file, ".key");
      const bool has_key = fs::exists(key, problem);
      if (!has_key && alone == Alone::half) {
        throw Error(Errc::unsupported,
                    str_cat("there is no ", key.native(), " for ", file.native(),
                            "; the certificate of an authority should end in .crt"));
      }
      if (certificates.certificate.empty()) {
        certificates.certificate = file;
        certificates.key = has_key ? key : file;
      }
    } else if (extension == ".key" && alone == Alone::half &&
               !fs::exists(with_extension(file, ".cert"), problem)) {
      throw Error(Errc::unsupported, str_cat("there is no ", with_extension(file, ".cert").native(),
                                             " for ", file.native()));
    }
  }
  return certificates;
}

/// The names that containerd looks for, in order.
std::vector<std::string> names_for_containerd(const std::string& domain) {
  std::vector<std::string> names = {domain, "_default"};
  const auto colon = domain.rfind(':');
  if (colon != std::string::npos) {
    // Some file systems allow no colon in a name.
    names.insert(names.begin(),
                 str_cat(domain.substr(0, colon), "_", domain.substr(colon + 1), "_"));
  }
  return names;
}

}  // namespace

Certificates find_certificates(const std::string& domain, const std::optional<fs::path>& directory,
                               const std::function<std::string(const char*)>& environment,
                               const fs::path& machine) {
  if (directory) {
    auto certificates = read_directory(*directory);
    if (certificates) return *std::move(certificates);
    throw Error(Errc::unsupported, str_cat("the directory of certificates ", directory->native(),
                                           " is none, or may not be read"));
  }
  std::vector<fs::path> roots;
  const std::string config = environment ? environment("XDG_CONFIG_HOME") : std::string();
  const std::string home = environment ? environment("HOME") : std::string();
  if (!config.empty()) {
    roots.emplace_back(config);
  } else if (!home.empty()) {
    roots.push_back(fs::path(home) / ".config");
  }
  for (fs::path& root : roots) root /= "containers/certs.d";
  roots.push_back(machine / "containers/certs.d");
  roots.push_back(machine / "docker/certs.d");
  for (const fs::path& root : roots) {
    // A directory that we may not look into is treated like a missing one.
    if (auto certificates = read_directory(root / domain)) return *std::move(certificates);
  }
  for (const std::string& name : names_for_containerd(domain)) {
    const fs::path there = machine / "containerd/certs.d" / name;
    std::error_code problem;
    if (fs::exists(there / "hosts.toml", problem)) continue;
    if (auto certificates = read_directory(there, Alone::whole)) return *std::move(certificates);
  }
  return {};
}

}  // namespace digestfs::registry
