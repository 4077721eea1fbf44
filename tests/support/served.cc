// SPDX-License-Identifier: Apache-2.0
#include "tests/support/served.h"

#include <cerrno>
#include <stdexcept>
#include <utility>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "tests/support/landing.h"

namespace digestfs::test {
namespace {

std::pair<std::string, std::string> split(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

ProblemLine parse_problem(const std::string& text) {
  const auto json = nlohmann::json::parse(text);
  ProblemLine line;
  for (const auto& [key, value] : json.items()) {
    if (key == "promised" || key == "actual") {
      const bool promised = key == "promised";
      (promised ? line.promised : line.actual) = value.at("digest");
      auto& size = promised ? line.promised_size : line.actual_size;
      if (value.contains("size")) size = value.at("size").get<std::uint64_t>();
      continue;
    }
    std::string* field = key == "time"     ? &line.time
                         : key == "kind"   ? &line.kind
                         : key == "object" ? &line.object
                         : key == "detail" ? &line.detail
                         : key == "source" ? &line.source
                                           : nullptr;
    if (field == nullptr) throw std::runtime_error("a problem has an unknown member: " + text);
    *field = value;
  }
  return line;
}

}  // namespace

MountSettings::MountSettings() {
  selection.platform.os = "linux";
  selection.platform.architecture = "amd64";
  selection.tag_ttl = std::chrono::minutes(1);
  limits.free_percent = 0;
}

/// Objects in the order of their use, as in tools/digestfs.cc.
struct Served::Mount {
  Mount(const std::filesystem::path& cache, const std::string& name, const MountSettings& settings)
      : store(cache, settings.limits),
        workers({16, settings.downloads, 2, 2, settings.downloads}),
        problems(name),
        parts{store, workers, problems, settings.network, inodes, passthrough},
        selected(settings.selection),
        hello_flags(settings.kernel_flags),
        stop_first{workers} {}
  Mount(const std::filesystem::path& cache, MemorySource& source, const MountSettings& settings)
      : Mount(cache, source.name(), settings) {
    repository.emplace(parts, std::shared_ptr<MemorySource>(std::shared_ptr<void>(), &source), "",
                       selected);
    fs::mount_alone(*repository, parts);
    greet();
    serve();
  }
  Mount(const std::filesystem::path& cache, std::shared_ptr<MemoryRepositories> repositories,
        const MountSettings& settings)
      : Mount(cache, repositories->name(), settings) {
    place.emplace(parts, std::move(repositories), "", selected);
    place->start({});
    serve();
  }

  void serve() {
    kernel.emplace(
        inodes, [this] { workers.stop(); },
        FakeKernel::Hello{.offered = hello_flags, .passthrough = &passthrough});
  }

  void greet() {
    if (selected.digest || selected.tag) {
      landed([&, patience = Patience::unlimited()] { repository->find_selected(patience); });
    } else {
      repository->start({});
    }
  }

  struct StopFirst {
    Workers& workers;
    ~StopFirst() { workers.stop(); }
  };

  cache::Store store;
  Workers workers;
  cache::Problems problems;
  fs::Inodes inodes;
  fs::PassthroughState passthrough;
  fs::MountParts parts;
  fs::Selection selected;
  std::uint64_t hello_flags;
  std::optional<fs::Repository> repository;
  std::optional<fs::Place> place;
  StopFirst stop_first;
  std::optional<FakeKernel> kernel;
};

Served::Served() = default;

std::filesystem::path Served::cache() const {
  if (mount_) mount_->workers.await_end_of(Lane::name);
  return directory_.path() / "cache";
}

Served::~Served() = default;

void Served::mount(const MountSettings& settings) {
  unmount();
  mount_ = std::make_unique<Mount>(cache(), source, settings);
}

void Served::mount(const ObjectSet& objects, const MountSettings& settings) {
  objects.put_into(source);
  mount(settings);
}

void Served::mount(std::shared_ptr<MemoryRepositories> place, const MountSettings& settings) {
  unmount();
  mount_ = std::make_unique<Mount>(cache(), std::move(place), settings);
}

void Served::unmount() { mount_.reset(); }

FakeKernel& Served::kernel() {
  if (!mount_) throw std::logic_error("nothing is mounted");
  return *mount_->kernel;
}

const fs::Node& Served::node(std::uint64_t inode) const {
  const fs::Node* const node = mount_->inodes.find(inode);
  if (node == nullptr) throw std::logic_error("no node has that number");
  return *node;
}

std::filesystem::path Served::cached(const std::string& area, const Digest& digest) const {
  return cache() / area / digest.algorithm() / digest.encoded();
}

int Served::error_of(const std::string& path) {
  const auto [folder, name] = split(path);
  const auto reply = kernel().lookup(kernel().walk(folder), name);
  if (reply.error != 0) return reply.error;
  return reply.as<fuse_entry_out>().nodeid == 0 ? ENOENT : 0;
}

bool Served::exists(const std::string& path) {
  const int error = error_of(path);
  EXPECT_TRUE(error == 0 || error == ENOENT) << path << ": error " << error;
  return error == 0;
}

fuse_entry_out Served::entry(const std::string& path) {
  const auto [folder, name] = split(path);
  const auto reply = kernel().lookup(kernel().walk(folder), name);
  EXPECT_EQ(reply.error, 0) << path;
  return reply.as<fuse_entry_out>();
}

std::string Served::link(const std::string& path) { return kernel().readlink(kernel().walk(path)); }

std::set<std::string> Served::names(const std::string& path) {
  std::set<std::string> names;
  for (const auto& entry : kernel().list(kernel().walk(path))) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name << " is listed twice in " << path;
  }
  return names;
}

int Served::error_of_listing(const std::string& path) {
  return kernel().wait(kernel().send_list(kernel().walk(path))).error;
}

FakeKernel::Content Served::read(const std::string& path) {
  return kernel().read_file(kernel().walk(path));
}

fuse_attr Served::attributes(const std::string& path) {
  return kernel().getattr(kernel().walk(path)).attr;
}

std::optional<std::string> Served::xattr(const std::string& path, const std::string& name) {
  return kernel().xattr(kernel().walk(path), name);
}

std::set<std::string> Served::xattr_names(const std::string& path) {
  const auto reply = kernel().getxattr(kernel().walk(path), "", 64 << 10);
  EXPECT_EQ(reply.error, 0) << path;
  std::set<std::string> names;
  const std::string list = reply.text();
  for (std::size_t at = 0; at < list.size();) {
    const auto end = list.find('\0', at);
    names.insert(list.substr(at, end - at));
    at = end + 1;
  }
  return names;
}

std::string Served::target(const std::string& path) {
  const auto folder = std::filesystem::path("/") / split(path).first;
  const auto joined = (folder / link(path)).lexically_normal();
  return joined.native().substr(1);
}

std::vector<ProblemLine> Served::problems(std::string_view kind) {
  std::vector<ProblemLine> problems;
  const std::string text = read(".digestfs/problems.jsonl").text;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    EXPECT_NE(end, std::string::npos) << "an unfinished line";
    ProblemLine line = parse_problem(text.substr(at, end - at));
    if (kind.empty() || line.kind == kind) problems.push_back(std::move(line));
    at = end + 1;
  }
  return problems;
}

void Served::expect_sound_cache() const {
  EXPECT_EQ(wrong_files(cache()), std::vector<std::string>());
}

}  // namespace digestfs::test
