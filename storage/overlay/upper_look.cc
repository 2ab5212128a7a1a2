// What lies in the upper. A plain object costs two system calls (four before Linux 6.13), a symlink or a
// whiteout one.
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <memory>
#include <unordered_set>

#include "storage/overlay/host_upper.h"

namespace wolffia {
namespace {

constexpr std::string_view kDotWhiteout = ".wh.";
constexpr char kDotOpaque[] = ".wh..wh..opq";

bool HasType(mode_t mode, mode_t type) {
  return (mode & S_IFMT) == type;
}

bool IsWhiteoutNode(mode_t mode, dev_t rdev) {
  return S_ISCHR(mode) && rdev == 0;
}

void ApplyOverride(std::string_view text, UpperObject* object) {
  auto ownership = ParseOverride(text);
  // One that makes no sense is as good as none: the host's mode never has more rights than the object had.
  if (!ownership) return;
  mode_t type = ownership->mode & S_IFMT;
  // What is a directory on the host is one, and nothing else is.
  if (type == 0 || HasType(type, S_IFDIR) != S_ISDIR(object->st.st_mode)) type = object->st.st_mode & S_IFMT;
  object->overridden = true;
  object->st.st_mode = type | (ownership->mode & 07777);
  object->st.st_uid = ownership->uid;
  object->st.st_gid = ownership->gid;
  object->st.st_rdev = ownership->rdev;
  if (type != S_IFREG && type != S_IFDIR && type != S_IFLNK) object->st.st_size = 0;
}

}  // namespace

Sys<UpperObject> HostUpper::Look(int dirfd, const char* name, const Seen* seen) {
  if (!overrides() && std::string_view(name).starts_with(kDotWhiteout)) return UpperObject{};
  Seen now;
  if (seen == nullptr) {
    now.absent = fstatat(dirfd, name, &now.st, AT_SYMLINK_NOFOLLOW) < 0;
    if (now.absent && errno != ENOENT) return SysFail();
    seen = &now;
  }
  const struct stat& st = seen->st;
  if (seen->absent) {
    UpperObject absent;
    if (!overrides() && HasDotFile(dirfd, name)) absent.kind = UpperObject::Kind::kWhiteout;
    return absent;
  }
  if (st.st_ino == whiteout_ino_ && S_ISREG(st.st_mode))
    return UpperObject{.kind = UpperObject::Kind::kWhiteout};
  return Describe({.dirfd = dirfd, .name = name, .host_ino = st.st_ino}, st);
}

Sys<UpperObject> HostUpper::LookAt(int fd) {
  struct stat st;
  if (fstat(fd, &st) < 0) return SysFail();
  return Describe({.dirfd = fd, .name = ".", .host_ino = st.st_ino, .fd = fd}, st);
}

Sys<UpperObject> HostUpper::Describe(const UpperRef& ref, const struct stat& st) {
  UpperObject object;
  object.st = st;
  object.kind = S_ISDIR(st.st_mode) ? UpperObject::Kind::kDirectory : UpperObject::Kind::kFile;
  object.host_link = S_ISLNK(st.st_mode);
  if (overrides()) {
    object.st.st_uid = object.st.st_gid = 0;
    object.st.st_mode &= ~mode_t{07000};
  }
  if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) {
    Fd opened;
    UpperRef quick = ref;
    if (ref.fd < 0 && xattrs_->prefers_fd()) {
      opened = Fd(openat(ref.dirfd, ref.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
      quick.fd = opened.get();  // none: by name
    }
    TRY(ReadOurXattrs(quick, &object));
  } else if (st.st_nlink > 1) {
    if (auto linked = bare_linked_.find(st.st_ino); linked != bare_linked_.end())
      object.origin = linked->second;
  }
  if (IsWhiteoutNode(object.st.st_mode, object.st.st_rdev)) object.kind = UpperObject::Kind::kWhiteout;
  if (!overrides() && S_ISDIR(st.st_mode) && !object.opaque) {
    std::string inside = std::string(ref.name) + "/" + kDotOpaque;
    struct stat dot;
    object.opaque = fstatat(ref.dirfd, inside.c_str(), &dot, AT_SYMLINK_NOFOLLOW) == 0;
  }
  return object;
}

// Only what is there is asked for: most objects have nothing, and one call says so.
Sys<> HostUpper::ReadOurXattrs(const UpperRef& ref, UpperObject* object) {
  bool directory = S_ISDIR(object->st.st_mode);
  for (const std::string& name : TRY(xattrs_->List(ref))) {
    if (name == kOverrideXattr && overrides()) {
      ApplyOverride(TRY(xattrs_->Get(ref, name)), object);
    } else if (name == kOriginXattr) {
      std::string text = TRY(xattrs_->Get(ref, name));
      std::from_chars(text.data(), text.data() + text.size(), object->origin);
    } else if (directory &&
               (name == kOpaqueXattr || (!overrides() && (name == "trusted.overlay.opaque" ||
                                                          name == "user.fuseoverlayfs.opaque")))) {
      object->opaque = TRY(xattrs_->Get(ref, name)) == "y";
    } else if (directory && name == kRedirectXattr) {
      object->redirect = TRY(xattrs_->Get(ref, name));
      // A name alone (the kernel's overlayfs has that) is relative to a place that is not known here.
      if (!object->redirect.starts_with('/')) return SysFail(EIO);
      object->redirect.erase(0, 1);
    }
  }
  return {};
}

bool HostUpper::HasDotFile(int dirfd, const char* name) const {
  std::string dot(kDotWhiteout);
  dot += name;
  struct stat st;
  return fstatat(dirfd, dot.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0;
}

bool HostUpper::IsWhiteoutAt(const UpperSpot& at) {
  auto object = Look(at.dirfd, at.name);
  return object && object->kind == UpperObject::Kind::kWhiteout;
}

Sys<Fd> HostUpper::OpenDirectory(int dirfd, const char* name) {
  Fd fd(openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return SysFail();
  return fd;
}

Sys<Fd> HostUpper::OpenFile(int dirfd, const char* name) {
  // O_NONBLOCK: if it is a FIFO after all, it must not wait for somebody at its other end.
  Fd fd(openat(dirfd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return SysFail();
  return fd;
}

Sys<std::string> HostUpper::ReadLink(int dirfd, const char* name, const UpperObject& object) {
  std::string target(PATH_MAX, '\0');
  ssize_t n = -1;
  if (object.host_link) {
    n = readlinkat(dirfd, name, target.data(), target.size());
  } else {
    Fd fd(openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (fd) n = pread(fd.get(), target.data(), target.size(), 0);
  }
  if (n < 0) return SysFail();
  target.resize(static_cast<size_t>(n));
  return target;
}

Sys<std::vector<UpperStore::Name>> HostUpper::List(int directory_fd) {
  // A descriptor of its own: the position of a shared one is anybody's.
  int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return SysFail();
  std::unique_ptr<DIR, int (*)(DIR*)> directory(fdopendir(fd), closedir);
  if (directory == nullptr) {
    int error = errno;
    close(fd);
    return SysFail(error);
  }
  std::vector<Name> names;
  std::vector<Name> dot_whiteouts;
  const uint64_t whiteout_ino = whiteout_ino_;
  for (;;) {
    errno = 0;
    const dirent* e = readdir(directory.get());
    if (e == nullptr) {
      if (errno != 0) return SysFail();
      break;
    }
    std::string_view name = e->d_name;
    if (name == "." || name == "..") continue;
    Name entry{std::string(name), e->d_ino, e->d_type};
    if (!overrides() && name.starts_with(kDotWhiteout)) {
      entry.name.erase(0, kDotWhiteout.size());
      entry.type = DT_WHT;
      if (name != kDotOpaque && !entry.name.empty()) dot_whiteouts.push_back(std::move(entry));
      continue;
    }
    if (overrides() && (entry.type == DT_CHR || (whiteout_ino != 0 && entry.host_ino == whiteout_ino)))
      entry.type = DT_WHT;
    names.push_back(std::move(entry));
  }
  if (dot_whiteouts.empty()) return names;
  std::unordered_set<std::string> present;
  for (const Name& entry : names) present.insert(entry.name);
  for (Name& entry : dot_whiteouts)
    if (!present.contains(entry.name)) names.push_back(std::move(entry));
  return names;
}

}  // namespace wolffia
