// SPDX-License-Identifier: Apache-2.0
#include "tools/options.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include <cxxopts.hpp>

#include "base/error.h"
#include "base/text.h"
#include "tools/home.h"
#include "tools/mount_options.h"
#include "tools/scheme.h"
#include "tools/switch.h"

namespace digestfs::tools {
namespace {

constexpr std::string_view kExamples =
    "  digestfs quay.io/openshift-examples/multi-arch ~/mnt\n"
    "  digestfs --platform linux/arm64 docker://alpine:3.20 ~/mnt\n"
    "  digestfs oci:$HOME/layout ~/mnt && ls ~/mnt/tags; fusermount3 -u ~/mnt\n";

/// The options in their groups. `--help` shows the groups in the order that `help_text` gives.
cxxopts::Options definition() {
  cxxopts::Options options(
      "digestfs", "Mounts a container registry repository: files and directories named by digest.");
  options.custom_help("[options]");
  options.positional_help("SOURCE MOUNTPOINT");
  // clang-format off
  options.add_options("source")
    ("platform", "what 'host' points to (default: this machine's)",
        cxxopts::value<std::string>(), "OS/ARCH[/VARIANT]")
    ("list-trees", "whether listings show rootfs, tree and oci (default: of one repository)",
        cxxopts::value<std::string>()->implicit_value("true"), "BOOL");
  options.add_options("cache")
    ("cache-dir", "where verified content is kept", cxxopts::value<std::string>(), "DIR")
    ("cache-size", "bound on the cache",
        cxxopts::value<std::string>()->default_value("10G"), "SIZE")
    ("tag-ttl", "how long a tag's digest is believed",
        cxxopts::value<std::string>()->default_value("60"), "SECONDS")
    ("offline", "show what is cached, ask nobody",
        cxxopts::value<std::string>()->default_value("false")->implicit_value("true"), "BOOL");
  options.add_options("network")
    ("creds", "who to be for the registry; asks for a missing password",
        cxxopts::value<std::string>(), "USER[:PASSWORD]")
    ("authfile", "where credentials are (default: what podman and docker keep)",
        cxxopts::value<std::string>(), "FILE")
    ("cert-dir", "certificates for the registry: *.crt, *.cert and *.key",
        cxxopts::value<std::string>(), "DIR")
    ("tls-verify", "whether the registry must prove who it is",
        cxxopts::value<std::string>()->default_value("true")->implicit_value("true"), "BOOL")
    ("jobs", "connections for all downloads together",
        cxxopts::value<std::string>()->default_value("4"), "N")
    ("connections", "connections for one large blob",
        cxxopts::value<std::string>()->default_value("4"), "N")
    ("timeout", "the longest that a transfer may stand still",
        cxxopts::value<std::string>()->default_value("30"), "SECONDS");
  options.add_options("mount")
    ("f,foreground", "do not become a daemon",
        cxxopts::value<std::string>()->default_value("false")->implicit_value("true"), "BOOL")
    ("d,debug", "foreground, --log-level debug, and every message of FUSE",
        cxxopts::value<std::string>()->default_value("false")->implicit_value("true"), "BOOL")
    ("no-passthrough", "never let the kernel read the cache by itself",
        cxxopts::value<std::string>()->default_value("false")->implicit_value("true"), "BOOL")
    ("o,options", "mount options; every long option works here too",
        cxxopts::value<std::string>(), "OPT[,OPT...]");
  options.add_options("other")
    ("log-level", "error, warning, info or debug",
        cxxopts::value<std::string>()->default_value("warning"), "LEVEL")
    ("log-file", "where the log goes, instead of stderr or syslog",
        cxxopts::value<std::string>(), "FILE")
    ("q,quiet", "show no progress, and of the log only errors",
        cxxopts::value<std::string>()->default_value("false")->implicit_value("true"), "BOOL")
    ("h,help", "print this help")
    ("V,version", "print the version, and those of the libraries");
  // clang-format on
  options.add_options("positional")("source", "", cxxopts::value<std::string>())(
      "mountpoint", "", cxxopts::value<std::string>());
  options.parse_positional({"source", "mountpoint"});
  return options;
}

std::uint64_t parse_number(const std::string& option, const std::string& text, std::uint64_t least,
                           std::uint64_t most) {
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size() || number < least ||
      number > most) {
    throw UsageError(str_cat("--", option, " takes a whole number from ", least, " to ", most,
                             ", not '", text, "'"));
  }
  return number;
}

/// Sorts the parts of one `-o` list: ours become long options, the rest mount options.
void take_mount_options(const std::string& list, std::vector<std::string>& arguments,
                        Options& options) {
  for (const std::string& part : split_mount_options(list)) {
    if (part == "transform_symlinks") {
      options.absolute_links = fs::AbsoluteLinks::transform;
      continue;
    }
    if (part == "remount") {
      throw UsageError("a mount cannot be changed by remounting it; unmount it first");
    }
    switch (kind_of(part)) {
      case MountOption::ours:
        arguments.push_back("--" + part);
        break;
      case MountOption::handed_on:
        options.mount_options.push_back(part);
        break;
      case MountOption::ignored:
        break;
      case MountOption::unknown:
        throw UsageError(str_cat("unknown mount option '", part, "'"));
    }
  }
}

/// The arguments with every `-o` list replaced by the long options in it. cxxopts would split the
/// lists itself, at escaped commas too.
std::vector<std::string> without_lists(const std::vector<std::string>& arguments,
                                       Options& options) {
  std::vector<std::string> plain;
  std::vector<std::string> from_lists;
  bool options_end = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    options_end = options_end || argument == "--";
    if (options_end) {
      plain.push_back(argument);
    } else if (argument == "-o" || argument == "--options") {
      if (++i == arguments.size()) throw UsageError("-o takes a list of options");
      take_mount_options(arguments[i], from_lists, options);
    } else if (argument.starts_with("-o")) {
      take_mount_options(argument.substr(2), from_lists, options);
    } else {
      plain.push_back(argument);
    }
  }
  plain.insert(plain.begin(), from_lists.begin(), from_lists.end());
  return plain;
}

}  // namespace

std::uint64_t parse_size(const std::string& text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, problem] = std::from_chars(text.data(), end, number);
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  constexpr std::string_view kUnits = "KMGT";
  unsigned shift = 0;
  bool known = unit.empty() || unit == "B";
  if (!unit.empty()) {
    const auto at = kUnits.find(unit.front());
    if (at != std::string_view::npos) {
      const std::string_view ending = unit.substr(1);
      known = ending.empty() || ending == "B" || ending == "iB";
      shift = 10 * (static_cast<unsigned>(at) + 1);
    }
  }
  if (problem != std::errc() || !known ||
      number > (std::numeric_limits<std::uint64_t>::max() >> shift)) {
    throw UsageError(str_cat("'", text, "' is no size; write 10G, 512M or a number of bytes"));
  }
  return number << shift;
}

std::string help_text() {
  return str_cat(definition().help({"source", "cache", "network", "mount", "other"}),
                 "\nSOURCE is one of\n", scheme_help(), "\nExamples:\n", kExamples);
}

void hide_passwords(std::span<char* const> words) noexcept {
  constexpr std::string_view kOption = "--creds";
  constexpr std::string_view kSetting = "creds=";
  bool follows = false;
  for (char* const word : words) {
    char* value =
        std::exchange(follows, word == kOption) ? word : std::strstr(word, kSetting.data());
    if (value == nullptr) continue;
    value = std::strchr(value, ':');
    if (value == nullptr) continue;
    for (++value; *value != '\0'; ++value) *value = '*';
  }
}

Options parse_options(const std::vector<std::string>& arguments) {
  Options options;
  const std::vector<std::string> plain = without_lists(arguments, options);
  std::vector<const char*> words = {"digestfs"};
  for (const std::string& argument : plain) words.push_back(argument.c_str());
  cxxopts::Options defined = definition();
  cxxopts::ParseResult parsed;
  try {
    parsed = defined.parse(static_cast<int>(words.size()), words.data());
  } catch (const std::exception& error) {
    throw UsageError(error.what());
  }
  if (parsed.count("help") > 0) {
    options.action = Action::help;
    return options;
  }
  if (parsed.count("version") > 0) {
    options.action = Action::version;
    return options;
  }
  if (parsed.count("source") == 0 || parsed.count("mountpoint") == 0) {
    throw UsageError(parsed.count("source") == 0 ? "SOURCE and MOUNTPOINT are missing"
                                                 : "MOUNTPOINT is missing");
  }
  if (!parsed.unmatched().empty()) {
    throw UsageError(str_cat("there is nothing to do with '", parsed.unmatched().front(), "'"));
  }
  options.source = parsed["source"].as<std::string>();
  options.mountpoint = parsed["mountpoint"].as<std::string>();
  const auto text = [&](const char* name) { return parsed[name].as<std::string>(); };
  options.cache_dir = parsed.count("cache-dir") > 0 ? std::filesystem::path(text("cache-dir"))
                                                    : default_cache_dir(look_around());
  options.cache_size = parse_size(text("cache-size"));
  // A smaller cache could not even hold the documents of one image beside a layer.
  constexpr std::uint64_t kSmallestCache = std::uint64_t{16} << 20U;
  if (options.cache_size < kSmallestCache) {
    throw UsageError(str_cat("--cache-size takes at least 16M, not '", text("cache-size"), "'"));
  }
  constexpr std::uint64_t kDay = 86400;
  options.tag_ttl = std::chrono::seconds(parse_number("tag-ttl", text("tag-ttl"), 0, 365 * kDay));
  options.timeout = std::chrono::seconds(parse_number("timeout", text("timeout"), 1, kDay));
  if (parsed.count("creds") > 0) options.credentials = text("creds");
  if (parsed.count("authfile") > 0) options.auth_file = text("authfile");
  if (parsed.count("cert-dir") > 0) options.certificates = text("cert-dir");
  const auto is_on = [&](const char* name) { return parse_switch(name, text(name)); };
  options.verify_tls = is_on("tls-verify");
  if (options.credentials && options.auth_file) {
    throw UsageError("--creds and --authfile exclude each other");
  }
  if (options.credentials &&
      (options.credentials->empty() || options.credentials->front() == ':')) {
    throw UsageError("--creds takes USER[:PASSWORD]");
  }
  options.jobs = parse_number("jobs", text("jobs"), 1, 64);
  options.connections = parse_number("connections", text("connections"), 1, 16);
  if (parsed.count("list-trees") > 0) options.list_trees = is_on("list-trees");
  if (is_on("offline")) options.network = cache::Network::offline;
  try {
    options.platform = parsed.count("platform") > 0 ? registry::parse_platform(text("platform"))
                                                    : registry::host_platform();
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
  const auto level = parse_log_level(text("log-level"));
  if (!level) throw UsageError("--log-level takes error, warning, info or debug");
  options.log_level = *level;
  if (parsed.count("log-file") > 0) options.log_file = text("log-file");
  if (options.log_file && options.log_file->empty()) throw UsageError("--log-file takes a FILE");
  options.quiet = is_on("quiet");
  if (options.quiet && parsed.count("log-level") == 0) options.log_level = LogLevel::error;
  options.passthrough = !is_on("no-passthrough");
  options.trace = is_on("debug");
  options.foreground = is_on("foreground") || options.trace;
  if (options.trace) options.log_level = LogLevel::debug;
  return options;
}

std::string options_library() {
  const auto& [major, minor, patch] = cxxopts::version;  // bytes, which are no characters
  return str_cat("cxxopts ", int{major}, ".", int{minor}, ".", int{patch});
}

}  // namespace digestfs::tools
