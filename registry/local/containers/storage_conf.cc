// SPDX-License-Identifier: Apache-2.0
#include "registry/local/containers/storage_conf.h"

#include <cstdlib>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <toml++/toml.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace digestfs::registry {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFile = std::size_t{1} << 20U;
constexpr const char* kRoot = "/var/lib/containers/storage";
constexpr const char* kRunRoot = "/run/containers/storage";

/// What one `storage.conf` says.
struct StorageConf {
  std::string driver;
  std::string root;
  std::string run_root;
  std::string image_store;
  std::string rootless_root;
  std::vector<std::string> additional_stores;
};

StorageConf parse_conf(const std::string& text, const fs::path& path) try {
  const toml::table document = toml::parse(text);
  const auto storage = document["storage"];
  const auto text_of = [&](const char* key) { return storage[key].value_or(std::string()); };
  StorageConf conf{text_of("driver"),
                   text_of("graphroot"),
                   text_of("runroot"),
                   text_of("imagestore"),
                   text_of("rootless_storage_path"),
                   {}};
  if (conf.image_store.empty()) {
    conf.image_store = storage["options"]["imagestore"].value_or(std::string());
  }
  if (const toml::array* stores = storage["options"]["additionalimagestores"].as_array()) {
    for (const toml::node& store : *stores) {
      if (auto name = store.value<std::string>())
        conf.additional_stores.push_back(*std::move(name));
    }
  }
  return conf;
} catch (const toml::parse_error& error) {
  throw Error(Errc::corrupt, str_cat("cannot read ", path.native(), ": line ",
                                     error.source().begin.line, ": ", error.description()));
}

/// Returns what the file at `path` says, or nothing if there is no file.
std::optional<StorageConf> read_conf(const fs::path& path) {
  std::optional<UniqueFd> file;
  try {
    file = open_regular(AT_FDCWD, path, Links::followed);
  } catch (const std::system_error& error) {
    throw Error(Errc::denied, error.what());
  }
  if (!file) return std::nullopt;
  return parse_conf(read_rest(file->get(), kMaxFile), path);
}

/// Finds the store in the order of containers/storage's `types/options.go`.
class Finder {
 public:
  explicit Finder(const StoreEnvironment& environment) : environment_(environment) {}

  [[nodiscard]] StoreLocation find() const {
    StorageConf conf;
    std::string root = kRoot;
    std::string run_root = kRunRoot;
    if (environment_.user == 0) {
      conf = system_conf().value_or(StorageConf());
    } else {
      const StorageConf system = system_conf().value_or(StorageConf());
      root = !system.rootless_root.empty() ? system.rootless_root
                                           : str_cat(data_home(), "/containers/storage");
      run_root = str_cat(runtime_directory(), "/containers");
      if (auto own = user_conf()) {
        conf = *std::move(own);
        if (conf.root.empty()) conf.root = conf.rootless_root;
      } else {
        // The system's other settings are about the system's store.
        conf.driver = system.driver;
      }
    }
    if (const auto driver = environment_.variable("STORAGE_DRIVER"); driver && !driver->empty()) {
      conf.driver = *driver;
    }
    return locate(conf, root, run_root);
  }

 private:
  [[nodiscard]] std::optional<std::string> set_variable(const std::string& name) const {
    auto value = environment_.variable(name);
    if (value && value->empty()) value.reset();
    return value;
  }

  [[nodiscard]] std::string home() const {
    if (!environment_.home.empty()) return environment_.home;
    throw Error(Errc::not_found, "cannot find the store of containers: there is no home directory");
  }
  [[nodiscard]] std::string data_home() const {
    if (const auto set = set_variable("XDG_DATA_HOME")) return *set;
    return str_cat(home(), "/.local/share");
  }
  [[nodiscard]] std::string runtime_directory() const {
    if (const auto set = set_variable("XDG_RUNTIME_DIR")) return *set;
    return str_cat("/run/user/", environment_.user);
  }

  [[nodiscard]] std::optional<StorageConf> system_conf() const {
    if (const auto path = environment_.variable("CONTAINERS_STORAGE_CONF")) return read_conf(*path);
    if (const auto folder = set_variable("XDG_CONFIG_HOME")) {
      if (auto conf = read_conf(fs::path(*folder) / "containers/storage.conf")) return conf;
    }
    if (auto conf = read_conf(environment_.system_file)) return conf;
    return read_conf(environment_.vendor_file);
  }

  [[nodiscard]] std::optional<StorageConf> user_conf() const {
    if (const auto path = environment_.variable("CONTAINERS_STORAGE_CONF")) return read_conf(*path);
    if (const auto folder = set_variable("XDG_CONFIG_HOME")) {
      return read_conf(fs::path(*folder) / "containers/storage.conf");
    }
    return read_conf(fs::path(home()) / ".config/containers/storage.conf");
  }

  [[nodiscard]] StoreLocation locate(const StorageConf& conf, const std::string& root,
                                     const std::string& run_root) const {
    StoreLocation location;
    location.driver = conf.driver == "overlay2" ? "overlay" : conf.driver;
    location.root = expand(conf.root.empty() ? root : conf.root);
    location.run_root = expand(conf.run_root.empty() ? run_root : conf.run_root);
    if (!conf.image_store.empty()) {
      // New images go there; those that were in the root before stay readable.
      location.additional_stores.push_back(location.root);
      location.root = expand(conf.image_store);
    }
    if (const auto options = environment_.variable("STORAGE_OPTS")) {
      location.add_options(split_options(*options));
    } else {
      for (const auto& path : conf.additional_stores) {
        location.additional_stores.emplace_back(expand(path));
      }
    }
    return location;
  }

  [[nodiscard]] static std::vector<std::string> split_options(const std::string& text) {
    std::vector<std::string> options;
    for (std::size_t at = 0; at <= text.size();) {
      const auto comma = std::min(text.find(',', at), text.size());
      options.push_back(text.substr(at, comma - at));
      at = comma + 1;
    }
    return options;
  }

  /// Replaces `$NAME` and `${NAME}`, as Go's os.ExpandEnv does. `$UID` is the user.
  [[nodiscard]] std::string expand(const std::string& text) const {
    std::string expanded;
    for (std::size_t at = 0; at < text.size();) {
      if (text[at] != '$') {
        expanded += text[at++];
        continue;
      }
      const bool is_braced = at + 1 < text.size() && text[at + 1] == '{';
      const std::size_t begin = at + (is_braced ? 2 : 1);
      std::size_t end = begin;
      while (end < text.size() && is_of_name(text[end])) ++end;
      if (end == begin || (is_braced && (end == text.size() || text[end] != '}'))) {
        expanded += text[at++];
        continue;
      }
      const std::string name = text.substr(begin, end - begin);
      expanded += name == "UID" ? std::to_string(environment_.user)
                                : environment_.variable(name).value_or("");
      at = end + (is_braced ? 1 : 0);
    }
    return expanded;
  }

  static bool is_of_name(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  }

  const StoreEnvironment& environment_;
};

}  // namespace

StoreEnvironment StoreEnvironment::of_process(std::string home) {
  StoreEnvironment environment;
  environment.variable = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): read only
    if (value == nullptr) return std::nullopt;
    return value;
  };
  environment.user = ::geteuid();
  // Inside `podman unshare` this process is root, and the store is that of the user outside.
  const auto is_inside = environment.variable("_CONTAINERS_USERNS_CONFIGURED");
  const auto outside = environment.variable("_CONTAINERS_ROOTLESS_UID");
  if (is_inside && !is_inside->empty() && outside) {
    if (const auto user = parse_decimal(*outside); user && *user <= UINT32_MAX) {
      environment.user = static_cast<uid_t>(*user);
    }
  }
  environment.home = std::move(home);
  return environment;
}

StoreLocation default_store(const StoreEnvironment& environment) {
  return Finder(environment).find();
}

std::string toml_library() {
  return str_cat("toml++ ", TOML_LIB_MAJOR, ".", TOML_LIB_MINOR, ".", TOML_LIB_PATCH);
}

}  // namespace digestfs::registry
