#include "engine/runtime/tree_size.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <set>
#include <vector>

#include "engine/base/fd.h"
#include "engine/runtime/namespace_work.h"

namespace wolffia {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

class TreeWalk {
 public:
  explicit TreeWalk(Fd root) : root_(std::move(root)) {}

  Result<int64_t> Run() {
    directories_ = {"."};
    while (!directories_.empty()) {
      std::string path = std::move(directories_.back());
      directories_.pop_back();
      TRY(Read(path));
    }
    return bytes_;
  }

 private:
  // By its path below the root, so that the depth is not bounded by descriptors; resolved beneath it, because
  // a container may put a link in the place of a directory at any time.
  Result<> Read(const std::string& path) {
    auto fd = OpenInRoot(root_.get(), path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!fd && (fd.error().os_errno == ENOENT || fd.error().os_errno == ENOTDIR ||
                fd.error().os_errno == ELOOP || fd.error().os_errno == ENAMETOOLONG))
      return {};
    Fd opened = TRY(std::move(fd));
    std::unique_ptr<DIR, CloseDirectory> directory(fdopendir(opened.get()));
    if (!directory) return FailErrno("read the directory " + path);
    (void)opened.Release();
    while (const dirent* entry = readdir(directory.get())) {
      std::string_view name = entry->d_name;
      if (name != "." && name != "..") Count(dirfd(directory.get()), path, entry->d_name);
    }
    return {};
  }

  void Count(int directory, const std::string& path, const char* name) {
    struct stat st;
    if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return;
    if (S_ISDIR(st.st_mode)) {
      directories_.push_back(path + "/" + name);
    } else if (st.st_nlink < 2 || seen_.emplace(st.st_dev, st.st_ino).second) {
      bytes_ += st.st_size;
    }
  }

  Fd root_;
  std::vector<std::string> directories_;
  std::set<std::pair<dev_t, ino_t>> seen_;
  int64_t bytes_ = 0;
};

Result<int64_t> Measure(const std::string& path) {
  Fd root = TRY(Open(path, O_PATH | O_DIRECTORY));
  return TreeWalk(std::move(root)).Run();
}

}  // namespace

Result<int64_t> MeasureTree(const Context& context, const std::string& path) {
  auto measured = Measure(path);
  if (measured || measured.error().code != Code::kDenied) return measured;
  HostFacts host = TRY(HostFacts::Gather(context));
  MappedIds ids = TRY(BuildIdMaps({}, host.subordinate, host.uid, host.gid));
  Pipe result = TRY(MakePipe());
  TRY(WorkAsRoot(ids.maps, host, "measure " + path, [&]() -> Result<> {
    int64_t bytes = TRY(Measure(path));
    return WriteFull(result.write.get(), &bytes, sizeof bytes);
  }));
  int64_t bytes = 0;
  if (TRY(ReadFull(result.read.get(), &bytes, sizeof bytes)) != sizeof bytes)
    return Fail(Code::kIo, "measure " + path + ": its size did not come back");
  return bytes;
}

}  // namespace wolffia
