// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tests/fs/repository/repository_fixture.h"
#include "tests/support/memory_repositories.h"

namespace digestfs::fs {

using test::MemoryRepositories;

/// A place of many repositories, mounted on nothing.
class PlaceTest : public testing::Test {
 protected:
  /// Puts an image with the tag v1 into the repository `name`.
  Image add(const std::string& name) {
    ObjectSet set;
    const Image image = add_image(set, {test::gzip_layer({{.name = "of", .content = name}})});
    set.tag("v1", image.manifest);
    set.put_into(place->at(name));
    return image;
  }
  void mount() { served.mount(place, settings()); }
  void mount(const std::function<void(MountSettings&)>& change) {
    MountSettings changed = settings();
    change(changed);
    served.mount(place, changed);
  }

  std::shared_ptr<MemoryRepositories> place = std::make_shared<MemoryRepositories>();
  Served served;

 private:
  static MountSettings settings() {
    MountSettings settings;
    settings.selection.list_trees = false;
    return settings;
  }
};

}  // namespace digestfs::fs
