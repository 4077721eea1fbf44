// SPDX-License-Identifier: Apache-2.0
#include "fs/tree/built_trees.h"

#include <algorithm>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

#include "archive/tar_reader.h"
#include "base/error.h"
#include "base/fingerprint.h"
#include "base/log.h"
#include "base/side_by_side.h"
#include "base/text.h"
#include "cache/open/open_objects.h"
#include "fs/tree/kept_tree.h"
#include "fs/tree/tree_check.h"

namespace digestfs::fs {
namespace {

constexpr std::size_t kChunk = std::size_t{64} << 10U;
// A kept tree of this size, in bytes, is read at once, by the caller: that takes no longer than to
// wake a worker.
constexpr std::uint64_t kAtOnce = std::uint64_t{1} << 20U;

std::string layer_path(const Digest& diff) { return str_cat("trees/", diff); }

/// The failure that is being handled, as one of the tree at `path`.
std::exception_ptr failure_of(const std::string& path) {
  try {
    throw;
  } catch (const Error& error) {
    return std::make_exception_ptr(
        Error(error.code(), str_cat("cannot show ", path, ": ", error.what())));
  } catch (...) {
    return std::current_exception();
  }
}

bool is_interruption(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return error.code() == Errc::interrupted;
  } catch (...) {
    return true;  // of memory or the disk: another time it may go well
  }
}

}  // namespace

/// Builds a layer's tree while the layer is decompressed.
class BuiltTrees::Observer final : public cache::TarObserver {
 public:
  Observer(BuiltTrees& trees, Digest diff)
      : trees_(trees), diff_(std::move(diff)), reader_(builder_) {}

  void see(std::span<const std::byte> bytes) noexcept override {
    tar_size_ += bytes.size();
    attempt([&] { reader_.write(bytes); });
  }
  void end() noexcept override {
    attempt([&] { reader_.finish(); });
    try {
      trees_.finish_layer(diff_, tar_size_, builder_, failure_);
    } catch (...) {
      // For want of memory. Whoever wants the tree reads the tar again.
    }
  }

 private:
  template <class Step>
  void attempt(const Step& step) noexcept {
    if (failure_) return;
    try {
      step();
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

  BuiltTrees& trees_;
  Digest diff_;
  LayerBuilder builder_;
  archive::TarReader reader_;
  std::uint64_t tar_size_ = 0;
  std::exception_ptr failure_;
};

const FileNodes& BuiltTrees::layer(const Digest& diff, const Patience& patience) {
  return nodes(diff.str(), layer_files(diff, patience), layer_path(diff), {diff}, LayerFact::hide);
}

const FileNodes* BuiltTrees::known_layer(const Digest& diff) const {
  return known_nodes(diff.str());
}

const FileNodes& BuiltTrees::rootfs(const std::string& path, const std::vector<Digest>& diffs,
                                    const Patience& patience) {
  std::string key = "rootfs";
  for (const Digest& diff : diffs) key += " " + diff.str();
  auto tree = known(key);
  if (!tree) {
    const auto layers = all_layer_files(diffs, patience);
    const auto work = [this, key, path, layers](const std::stop_token& stop) {
      merge(key, path, layers, stop);
    };
    // Small trees do not queue behind large layers (promise 10).
    std::uint64_t bytes = 0;
    for (const TreePointer& layer : layers) bytes += layer->bytes();
    await(flights_.join(key, cache::lane_on_disk(bytes), work), patience);
    tree = known(key);
  }
  if (!tree) throw Error(Errc::unavailable, str_cat("cannot show ", path, ": it is gone again"));
  const bool is_new = known_nodes(key) == nullptr;
  const FileNodes& files = nodes(key, tree, path, diffs, LayerFact::show);
  if (is_new) {
    // Another rootfs may want them. To read them again takes a fifth of the time of merging them.
    for (const Digest& diff : diffs) outcomes_->drop_if_kept(diff.str());
    outcomes_->drop_spare();
  }
  return files;
}

/// The trees of all layers; those that are missing are fetched side by side.
std::vector<BuiltTrees::TreePointer> BuiltTrees::all_layer_files(const std::vector<Digest>& diffs,
                                                                 const Patience& patience) {
  std::vector<TreePointer> layers;
  SideBySide side_by_side;
  for (const Digest& diff : diffs) {
    side_by_side.run([&] { layers.push_back(layer_files(diff, patience)); });
  }
  side_by_side.wait();
  return layers;
}

BuiltTrees::TreePointer BuiltTrees::layer_files(const Digest& diff, const Patience& patience) {
  for (int step = 0; step < 8; ++step) {
    if (auto tree = known(diff.str())) return tree;
    load_layer(diff, patience);
    if (auto tree = known(diff.str())) return tree;
    const auto observe = [this, diff] { return std::make_unique<Observer>(*this, diff); };
    const auto tar = content_.open_by_blocks(diff, patience, observe);
    // Built on the way, if the layer was decompressed just now.
    if (auto tree = known(diff.str())) return tree;
    const auto work = [this, tar](const std::stop_token& stop) { read_layer(tar, stop); };
    await(flights_.join("tree " + diff.str(), cache::lane_on_disk(tar->size()), work), patience);
  }
  throw Error(Errc::unavailable,
              str_cat("cannot show ", layer_path(diff), ": its tar keeps changing in the cache"));
}

/// Loads the tree of a layer if an earlier mount kept it, and if the layer's tar is in the cache: a
/// small tree at once, a larger one by a flight.
void BuiltTrees::load_layer(const Digest& diff, const Patience& patience) {
  if (useless_.lock()->contains(diff)) return;
  const cache::Store& store = content_.store();
  const auto tar = content_.cached_file(diff);
  if (!tar) return;
  auto file = store.open_hint(cache::Hint::tree, diff, tar->get());
  if (!file) return;
  const std::uint64_t tar_size = Fingerprint::of(tar->get()).size;
  const std::uint64_t size = Fingerprint::of(file->get()).size;
  if (size <= kAtOnce) {
    load_kept(diff, file->get(), tar_size);
    return;
  }
  const auto work = [this, diff, tar_size, kept = std::make_shared<UniqueFd>(*std::move(file))](
                        const std::stop_token&) { load_kept(diff, kept->get(), tar_size); };
  await(flights_.join("kept tree " + diff.str(), cache::lane_on_disk(size), work), patience);
}

/// Removes the `file` if it is of no use, so that it is made anew. Reports it if it is damaged.
void BuiltTrees::load_kept(const Digest& diff, int file, std::uint64_t tar_size) {
  bool is_damaged = false;
  auto kept = [&]() -> std::optional<KeptTree> {
    try {
      return read_kept_tree(file, diff, tar_size);
    } catch (const Error&) {
      is_damaged = true;
      return std::nullopt;
    } catch (const std::system_error& error) {
      if (error.code() != std::errc::io_error) throw;
      is_damaged = true;
      return std::nullopt;
    } catch (const std::bad_alloc&) {
      return std::nullopt;
    }
  }();
  if (!kept) {
    DIGESTFS_LOG(info, "a kept tree is of no use digest=", diff);
    if (is_damaged) {
      problems_.report({.kind = cache::ProblemKind::cache_damaged,
                        .object = diff.str(),
                        .detail = "the tree of the layer that was kept in the cache was damaged, "
                                  "and was made anew"});
    }
    // First: if it cannot be removed, it is not to be read again and again.
    useless_.lock()->insert(diff);
    content_.store().remove_hint(cache::Hint::tree, diff);
    return;
  }
  content_.store().touch(diff);
  report(layer_path(diff), kept->findings);
  Outcome outcome;
  outcome.tree = std::make_shared<const FileTree>(std::move(kept->tree));
  outcome.is_kept = true;
  settle(diff.str(), std::move(outcome));
}

/// The tree of `key`, if it was built, to be read now. Throws what came in its way, if that is
/// there to stay.
BuiltTrees::TreePointer BuiltTrees::known(const std::string& key) const {
  // It may have been moved out, if it has nodes.
  if (const FileNodes* files = known_nodes(key)) static_cast<void>(files->tree());
  return outcomes_->find(key);
}

void BuiltTrees::settle(const std::string& key, Outcome outcome) {
  if (outcome.failure && is_interruption(outcome.failure)) {
    std::rethrow_exception(outcome.failure);
  }
  outcomes_->add(key, std::move(outcome));
}

void BuiltTrees::report(const std::string& path, const Findings& findings) {
  for (const Finding& finding : findings.all()) {
    problems_.report({.kind = cache::ProblemKind::bad_entry,
                      .object = str_cat(path, "/", finding.path),
                      .detail = finding.detail});
  }
  if (findings.omitted() > 0) {
    problems_.report(
        {.kind = cache::ProblemKind::limit,
         .object = path,
         .detail = str_cat(findings.omitted(), " more findings like those above are not listed")});
  }
}

void BuiltTrees::report_failure(const std::string& path, const Outcome& outcome) {
  if (!outcome.failure || is_interruption(outcome.failure)) return;
  try {
    std::rethrow_exception(outcome.failure);
  } catch (const Error& error) {
    problems_.report({.kind = error.code() == Errc::too_large ? cache::ProblemKind::limit
                                                              : cache::ProblemKind::undecodable,
                      .object = path,
                      .detail = error.what()});
  }
}

/// Keeps what the builder has come to, or why it came to nothing; a tree for later mounts, too.
void BuiltTrees::finish_layer(const Digest& diff, std::uint64_t tar_size, LayerBuilder& builder,
                              const std::exception_ptr& failure) {
  Outcome outcome;
  const std::string path = layer_path(diff);
  try {
    if (failure) std::rethrow_exception(failure);
    outcome.tree = std::make_shared<const FileTree>(builder.finish());
  } catch (...) {
    outcome.failure = failure_of(path);
  }
  report(path, builder.findings());
  report_failure(path, outcome);
  if (outcome.tree && is_sound(*outcome.tree, tar_size)) {
    outcome.is_kept = content_.store().write_hint(cache::Hint::tree, diff, [&](ByteSink& output) {
      write_kept_tree(output, diff, tar_size, *outcome.tree, builder.findings());
    });
  }
  // Last: whoever drops the tree from now on finds it kept, and held by nobody here.
  settle(diff.str(), std::move(outcome));
}

/// Builds the tree of a layer that is decompressed already.
void BuiltTrees::read_layer(const std::shared_ptr<const cache::VerifiedFile>& tar,
                            const std::stop_token& stop) {
  LayerBuilder builder;
  archive::TarReader reader(builder);
  std::exception_ptr failure;
  std::vector<std::byte> buffer(kChunk);
  try {
    for (std::uint64_t at = 0; at < tar->size();) {
      if (stop.stop_requested()) throw Error(Errc::interrupted, "stopped while reading a layer");
      const auto got = tar->read(buffer, at);
      if (!got || *got == 0) return;  // touched: whoever asked looks again
      reader.write(std::span(buffer).first(*got));
      at += *got;
      const auto skipped = std::min(reader.skippable(), tar->size() - at);
      if (skipped > kChunk) {
        reader.skip(skipped);
        at += skipped;
      }
    }
    reader.finish();
  } catch (...) {
    failure = std::current_exception();
  }
  finish_layer(tar->digest(), tar->size(), builder, failure);
}

void BuiltTrees::merge(const std::string& key, const std::string& path,
                       const std::vector<TreePointer>& layers, const std::stop_token& stop) {
  // They may have been moved out while this waited for a thread. What is damaged is no outcome.
  for (const TreePointer& layer : layers) layer->use();
  Outcome outcome;
  RootfsBuilder builder;
  try {
    for (const TreePointer& layer : layers) {
      if (stop.stop_requested()) throw Error(Errc::interrupted, "stopped while merging layers");
      builder.apply(*layer);
    }
    outcome.tree = std::make_shared<const FileTree>(builder.finish(links_));
  } catch (...) {
    outcome.failure = failure_of(path);
  }
  report(path, builder.findings());
  report_failure(path, outcome);
  settle(key, std::move(outcome));
}

/// The nodes of `key`, if they were made, or null.
const FileNodes* BuiltTrees::known_nodes(const std::string& key) const {
  const auto nodes = nodes_.lock();
  const auto at = nodes->find(key);
  return at == nodes->end() ? nullptr : at->second.made.load(std::memory_order_acquire);
}

const FileNodes& BuiltTrees::nodes(const std::string& key, const TreePointer& tree,
                                   const std::string& path, std::vector<Digest> diffs,
                                   LayerFact layer_fact) {
  // Stays where it is, and as long as this.
  NodesOfTree& nodes = (*nodes_.lock())[key];
  const std::scoped_lock making(nodes.making);
  if (const FileNodes* made = nodes.made.load(std::memory_order_relaxed)) return *made;
  const auto* made = inodes_.add_block<FileNodes>([&](InodeNumber first) {
    return std::make_unique<const FileNodes>(first, tree, path, std::move(diffs), content_,
                                             problems_, layer_fact);
  });
  nodes.made.store(made, std::memory_order_release);
  return *made;
}

}  // namespace digestfs::fs
