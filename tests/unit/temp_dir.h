// TempDir: a directory for one test, gone with it, with whatever the test left in it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "engine/base/file.h"

namespace wolffia {

class TempDir {
 public:
  TempDir() {
    const char* base = getenv("TMPDIR");
    path_ = std::string(base != nullptr ? base : "/tmp") + "/wolffia-test.XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) ADD_FAILURE() << "mkdtemp " << path_ << ": " << strerror(errno);
    fd_ = *OpenDirectory(AT_FDCWD, path_);
  }
  ~TempDir() {
    auto removed = RemoveTreeAt(AT_FDCWD, path_);
    if (!removed) ADD_FAILURE() << removed.error().what;
  }
  TempDir(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  int fd() const { return fd_.get(); }

 private:
  std::string path_;
  Fd fd_;
};

}  // namespace wolffia
