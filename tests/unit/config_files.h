// ConfigFiles: the fixture of tests of settings: a site, a home and nothing else.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>

#include "engine/config/settings.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {

class ConfigFiles : public testing::Test {
 protected:
  ConfigFiles() {
    context_.env["HOME"] = dir_ / "home";
    site_ = {.wolffia = dir_ / "etc/wolffia", .containers = dir_ / "etc/containers"};
  }

  void Write(const std::string& name, const std::string& text) {
    const std::string path = dir_ / name;
    ASSERT_TRUE(MakeDirectories(SplitPath(path).first).has_value());
    ASSERT_TRUE(ReplaceFileAt(AT_FDCWD, path, text, 0600, Durability::kVolatile).has_value());
  }

  TempDir dir_;
  Context context_;
  SitePaths site_;
};

}  // namespace wolffia
