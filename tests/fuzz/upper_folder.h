// UpperFolder: an upper and its work directory in a temporary directory, for tests that open an OverlayTree
// on them again and again.
#pragma once

#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/file.h"
#include "storage/overlay/overlay_tree.h"

namespace wolffia {

class UpperFolder {
 public:
  UpperFolder() {
    const char* base = getenv("TMPDIR");
    path_ = std::string(base != nullptr ? base : "/tmp") + "/wolffia-upper.XXXXXX";
    if (mkdtemp(path_.data()) == nullptr || mkdir(upper().c_str(), 0700) != 0 ||
        mkdir(work().c_str(), 0700) != 0) {
      perror(path_.c_str());
      abort();
    }
    // The sticky bit: never served yet, so the root shows what the lower's does.
    if (chmod(upper().c_str(), 01700) != 0) abort();
  }
  ~UpperFolder() {
    if (auto removed = RemoveTreeAt(AT_FDCWD, path_); !removed)
      fprintf(stderr, "%s\n", removed.error().what.c_str());
  }
  UpperFolder(const UpperFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string upper() const { return path_ + "/upper"; }
  std::string work() const { return path_ + "/work"; }

  Result<std::unique_ptr<OverlayTree>> Open(const UpperOptions& upper_options, const OverlayOptions& options,
                                            std::unique_ptr<LowerSource> lower) const {
    Fd upper_fd = TRY(OpenDirectory(AT_FDCWD, upper()));
    Fd work_fd = TRY(OpenDirectory(AT_FDCWD, work()));
    auto store = TRY(UpperStore::Open(std::move(upper_fd), std::move(work_fd), upper_options));
    auto tree = OverlayTree::Make(std::move(lower), std::move(store), options);
    if (!tree) return FailErrno("make the tree", tree.error());
    return std::move(*tree);
  }

  // What a fresh Open should have removed: staged files, orphans, an intent. "" where there is nothing.
  std::string Leftovers() const {
    std::string left;
    auto names = ListDirectory(AT_FDCWD, work());
    if (!names) return names.error().what;
    for (const std::string& name : *names)
      if (name.starts_with("s.") || name.starts_with("o.")) left += " " + name;
    struct stat st;
    if (stat((work() + "/intent").c_str(), &st) == 0 && st.st_size != 0) left += " intent";
    return left;
  }

 private:
  std::string path_;
};

}  // namespace wolffia
