// The extended attributes of the file system itself. Objects are reached by their descriptor, or by
// /proc/self/fd/DIRFD/NAME: there are no *at calls for attributes before Linux 6.13, and an open file would
// cost two more calls. Where /proc is not mounted the object is opened.
#include "storage/overlay/xattr_store.h"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <climits>
#include <cstdio>

namespace wolffia {
namespace {

constexpr size_t kLargestValue = 65536;  // XATTR_SIZE_MAX, and XATTR_LIST_MAX

// How one object is reached for one call.
class Way {
 public:
  explicit Way(const UpperRef& object, bool proc) : fd_(object.fd) {
    if (fd_ >= 0) return;
    if (proc) {
      snprintf(path_, sizeof path_, "/proc/self/fd/%d/%s", object.dirfd, object.name);
      return;
    }
    opened_ = Fd(openat(object.dirfd, object.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    fd_ = opened_.get();
    if (fd_ < 0) error_ = errno == ELOOP || errno == ENXIO ? EOPNOTSUPP : errno;
  }
  int error() const { return error_; }

  ssize_t Get(const char* name, void* value, size_t size) {
    return fd_ >= 0 ? fgetxattr(fd_, name, value, size) : lgetxattr(path_, name, value, size);
  }
  ssize_t List(char* names, size_t size) {
    return fd_ >= 0 ? flistxattr(fd_, names, size) : llistxattr(path_, names, size);
  }
  int Set(const char* name, std::string_view value, int flags) {
    return fd_ >= 0 ? fsetxattr(fd_, name, value.data(), value.size(), flags)
                    : lsetxattr(path_, name, value.data(), value.size(), flags);
  }
  int Remove(const char* name) { return fd_ >= 0 ? fremovexattr(fd_, name) : lremovexattr(path_, name); }

 private:
  int fd_;
  int error_ = 0;
  Fd opened_;
  char path_[sizeof "/proc/self/fd/-2147483648/" + NAME_MAX];
};

class FileXattrStore final : public XattrStore {
 public:
  explicit FileXattrStore(StepHook step)
      : step_(std::move(step)), proc_(access("/proc/self/fd/.", X_OK) == 0) {}

  Sys<std::string> Get(const UpperRef& object, const std::string& name) override {
    Way way(object, proc_);
    if (way.error() != 0) return SysFail(way.error() == EOPNOTSUPP ? ENODATA : way.error());
    char small[512];
    ssize_t n = way.Get(name.c_str(), small, sizeof small);
    if (n >= 0) return std::string(small, static_cast<size_t>(n));
    if (errno == EOPNOTSUPP) return SysFail(ENODATA);
    if (errno != ERANGE) return SysFail();
    std::string value(kLargestValue, '\0');
    n = way.Get(name.c_str(), value.data(), value.size());
    if (n < 0) return SysFail();
    value.resize(static_cast<size_t>(n));
    return value;
  }

  Sys<> Set(const UpperRef& object, const std::string& name, std::string_view value, int flags) override {
    Way way(object, proc_);
    if (way.error() != 0) return SysFail(way.error());
    if (step_) step_();
    if (way.Set(name.c_str(), value, flags) < 0) return SysFail();
    return {};
  }

  Sys<> Remove(const UpperRef& object, const std::string& name) override {
    Way way(object, proc_);
    if (way.error() != 0) return SysFail(way.error() == EOPNOTSUPP ? ENODATA : way.error());
    if (step_) step_();
    if (way.Remove(name.c_str()) < 0) return SysFail();
    return {};
  }

  Sys<std::vector<std::string>> List(const UpperRef& object) override {
    Way way(object, proc_);
    std::vector<std::string> names;
    if (way.error() == EOPNOTSUPP) return names;
    if (way.error() != 0) return SysFail(way.error());
    char small[1024];
    ssize_t n = way.List(small, sizeof small);
    if (n >= 0) return Split(small, static_cast<size_t>(n));
    if (errno == EOPNOTSUPP) return names;
    if (errno != ERANGE) return SysFail();
    std::string large(kLargestValue, '\0');
    n = way.List(large.data(), large.size());
    if (n < 0) return SysFail();
    return Split(large.data(), static_cast<size_t>(n));
  }

  Sys<> Forget(uint64_t) override { return {}; }
  Sys<> Sync() override { return {}; }

 private:
  static std::vector<std::string> Split(const char* data, size_t size) {
    std::vector<std::string> names;
    for (std::string_view rest(data, size); !rest.empty();) {
      size_t end = rest.find('\0');
      if (end == std::string_view::npos) break;
      names.emplace_back(rest.substr(0, end));
      rest.remove_prefix(end + 1);
    }
    return names;
  }

  StepHook step_;
  bool proc_;
};

}  // namespace

std::unique_ptr<XattrStore> MakeFileXattrStore(StepHook step) {
  return std::make_unique<FileXattrStore>(std::move(step));
}

}  // namespace wolffia
