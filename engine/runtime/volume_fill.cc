#include "engine/runtime/volume_fill.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <unordered_map>

#include "engine/runtime/namespace_work.h"
#include "storage/overlay/lower_source.h"

namespace wolffia {
namespace {

constexpr int kMaxDepth = 500;         // a descriptor each: below the usual limit of 1,024
constexpr size_t kMaxOwnEntries = 64;  // looked through to see whether a namespace is needed at all

// As a plain user everything belongs to the user; then no namespace and no helper is needed.
bool IsOwn(const IdMaps& maps, const HostFacts& host, uint32_t uid, uint32_t gid) {
  return HostOf(maps.uids, uid) == static_cast<uint32_t>(host.uid) &&
         HostOf(maps.gids, gid) == static_cast<uint32_t>(host.gid);
}

class Filler {
 public:
  Filler(LowerSource& source, int top, bool in_namespace)
      : source_(source), top_(top), in_namespace_(in_namespace) {}

  Result<> FillTop(LowerId directory, bool copy) {
    if (copy) TRY(FillDirectory(directory, top_, "", 0));
    return SetAttributes(directory, top_, "the volume");
  }

 private:
  static std::unexpected<Error> Failed(const std::string& path, int os_errno) {
    return FailErrno("copy /" + path + " of the image into the volume", os_errno);
  }

  Result<> FillDirectory(LowerId directory, int fd, const std::string& path, int depth) {
    if (depth > kMaxDepth)
      return Fail(Code::kUnsupported, "copy the image's files into the volume: more than " +
                                          std::to_string(kMaxDepth) + " directories lie inside each other");
    LowerEntry entry;
    for (uint64_t position = 0; source_.EntryAt(directory, position, &entry); position = entry.position + 1)
      TRY(Copy(entry, fd, path.empty() ? std::string(entry.name) : path + "/" + std::string(entry.name),
               depth));
    return {};
  }

  Result<> Copy(const LowerEntry& entry, int parent, const std::string& path, int depth) {
    const std::string name(entry.name);
    const mode_t type = source_.Type(entry.id);
    if (type != S_IFDIR) {
      if (auto first = made_.find(entry.id); first != made_.end())
        return linkat(top_, first->second.c_str(), parent, name.c_str(), 0) < 0 ? Failed(path, errno)
                                                                                : Result<>();
    }
    Result<> made = type == S_IFDIR   ? CopyDirectory(entry.id, parent, name, path, depth)
                    : type == S_IFREG ? CopyFile(entry.id, parent, name, path)
                    : type == S_IFLNK ? CopyLink(entry.id, parent, name, path)
                                      : CopySpecial(entry.id, type, parent, name, path);
    if (!made || type == S_IFDIR) return made;
    auto st = source_.Stat(entry.id);
    if (st && st->st_nlink > 1) made_.emplace(entry.id, path);
    return {};
  }

  Result<> CopyDirectory(LowerId id, int parent, const std::string& name, const std::string& path,
                         int depth) {
    if (mkdirat(parent, name.c_str(), 0700) < 0) return Failed(path, errno);
    Fd fd = TRY(OpenAt(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(FillDirectory(id, fd.get(), path, depth + 1));
    return SetAttributes(id, fd.get(), path);  // last: times, and modes that would keep us out
  }

  Result<> CopyFile(LowerId id, int parent, const std::string& name, const std::string& path) {
    Fd fd = TRY(OpenAt(parent, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    if (auto copied = source_.CopyTo(id, fd.get()); !copied) return Failed(path, copied.error());
    return SetAttributes(id, fd.get(), path);
  }

  Result<> CopyLink(LowerId id, int parent, const std::string& name, const std::string& path) {
    auto target = source_.ReadLink(id);
    auto st = source_.Stat(id);
    if (!target || !st) return Failed(path, EIO);
    if (symlinkat(target->c_str(), parent, name.c_str()) < 0) return Failed(path, errno);
    timespec times[2] = {st->st_atim, st->st_mtim};
    if (in_namespace_ && fchownat(parent, name.c_str(), st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
      return Failed(path, errno);
    return utimensat(parent, name.c_str(), times, AT_SYMLINK_NOFOLLOW) < 0 ? Failed(path, errno) : Result<>();
  }

  Result<> CopySpecial(LowerId id, mode_t type, int parent, const std::string& name,
                       const std::string& path) {
    if (type != S_IFIFO && type != S_IFSOCK)
      return Fail(Code::kUnsupported, "the volume cannot be filled from the image: /" + path +
                                          " is a device, which an ordinary user cannot make; use the volume "
                                          "option nocopy");
    auto st = source_.Stat(id);
    if (!st) return Failed(path, EIO);
    if (mknodat(parent, name.c_str(), type | 0600, 0) < 0) return Failed(path, errno);
    if (in_namespace_ && fchownat(parent, name.c_str(), st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
      return Failed(path, errno);
    // Just made and of ours: no link can be in its place, since nobody else knows this directory.
    timespec times[2] = {st->st_atim, st->st_mtim};
    if (fchmodat(parent, name.c_str(), st->st_mode & 07777, 0) < 0) return Failed(path, errno);
    return utimensat(parent, name.c_str(), times, AT_SYMLINK_NOFOLLOW) < 0 ? Failed(path, errno) : Result<>();
  }

  Result<> SetAttributes(LowerId id, int fd, const std::string& path) {
    auto st = source_.Stat(id);
    if (!st) return Failed(path, EIO);
    if (in_namespace_ && fchown(fd, st->st_uid, st->st_gid) < 0) return Failed(path, errno);
    TRY(SetXattrs(id, fd, path));
    if (fchmod(fd, st->st_mode & 07777) < 0) return Failed(path, errno);  // after chown, which clears setuid
    timespec times[2] = {st->st_atim, st->st_mtim};
    return futimens(fd, times) < 0 ? Failed(path, errno) : Result<>();
  }

  // Where the file system has none, the files come without: podman does the same.
  Result<> SetXattrs(LowerId id, int fd, const std::string& path) {
    if (!source_.shows_xattrs()) return {};
    for (const std::string& name : source_.XattrNames(id)) {
      auto value = source_.Xattr(id, name);
      if (value && fsetxattr(fd, name.c_str(), value->data(), value->size(), 0) < 0 && errno != ENOTSUP &&
          errno != EPERM)
        return Failed(path, errno);
    }
    return {};
  }

  LowerSource& source_;
  const int top_;
  const bool in_namespace_;
  std::unordered_map<LowerId, std::string> made_;  // files with several names
};

// The directory of the image that the volume covers; kNoLower if there is none.
LowerId PlaceOf(const VolumeFill& fill) {
  if (fill.lower == nullptr) return kNoLower;
  auto node = fill.lower->index().Resolve(fill.path);
  if (!node || !S_ISDIR(fill.lower->index().node(*node).mode)) return kNoLower;
  return *node;
}

// True if everything below is the user's own, which is looked at for small trees only. Such a one needs no
// namespace.
bool AllOwn(LowerSource& source, LowerId directory, const IdMaps& maps, const HostFacts& host, size_t* left) {
  auto own = [&](LowerId id) {
    auto st = source.Stat(id);
    return st && IsOwn(maps, host, st->st_uid, st->st_gid);
  };
  if (!own(directory) || source.shows_xattrs()) return false;
  LowerEntry entry;
  for (uint64_t position = 0; source.EntryAt(directory, position, &entry); position = entry.position + 1) {
    if ((*left)-- == 0) return false;
    bool fine = source.Type(entry.id) == S_IFDIR ? AllOwn(source, entry.id, maps, host, left) : own(entry.id);
    if (!fine) return false;
  }
  return true;
}

Result<> GiveAway(const VolumeFill& fill, int data, const IdMaps& maps, const HostFacts& host) {
  if (IsOwn(maps, host, fill.uid, fill.gid)) return {};
  return WorkAsRoot(maps, host, "give the volume its owner", [&]() -> Result<> {
    if (fchown(data, fill.uid, fill.gid) < 0) return FailErrno("give the volume its owner");
    return {};
  });
}

// Everything in the directory `fd`, which is changed last, and whose device is `device`.
Result<> ChownEntries(int fd, dev_t device, uid_t uid, gid_t gid, const std::string& path, int depth) {
  if (depth > kMaxDepth)
    return Fail(Code::kUnsupported,
                "change the owner of " + path + ": too many directories lie inside each other");
  for (const std::string& name : TRY(ListDirectory(fd, "."))) {
    const std::string inner = path + "/" + name;
    struct stat st;
    if (fstatat(fd, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) {
      if (errno == ENOENT) continue;
      return FailErrno("change the owner of " + inner);
    }
    if (st.st_dev != device) continue;
    if (S_ISDIR(st.st_mode)) {
      Fd directory = TRY(OpenAt(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
      TRY(ChownEntries(directory.get(), device, uid, gid, inner, depth + 1));
    }
    if (st.st_uid == uid && st.st_gid == gid) continue;
    if (fchownat(fd, name.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
      return FailErrno("change the owner of " + inner);
  }
  return {};
}

}  // namespace

bool HasContent(const VolumeFill& fill) {
  LowerId place = PlaceOf(fill);
  return place != kNoLower && !fill.lower->index().Dirents(fill.lower->index().node(place)).empty();
}

Result<> FillVolume(const VolumeFill& fill, int data, const IdMaps& maps, const HostFacts& host,
                    Durability durability) {
  LowerId place = PlaceOf(fill);
  if (place == kNoLower) return GiveAway(fill, data, maps, host);
  auto source = MakeIndexLower(fill.lower, maps.View());
  size_t left = kMaxOwnEntries;
  auto work = [&](bool in_namespace) {
    return Filler(*source, data, in_namespace).FillTop(place, fill.copy);
  };
  if (AllOwn(*source, place, maps, host, &left))
    TRY(work(false));
  else
    TRY(WorkAsRoot(maps, host, "fill the volume from the image", [&] { return work(true); }));
  if (durability == Durability::kSafe && fill.copy && syncfs(data) < 0) return FailErrno("sync the volume");
  return {};
}

Result<> ChownTree(const std::string& path, uint32_t uid, uint32_t gid, const IdMaps& maps,
                   const HostFacts& host) {
  return WorkAsRoot(maps, host, "change the owner of " + path, [&]() -> Result<> {
    Fd top = TRY(OpenAt(AT_FDCWD, path, O_RDONLY | O_NONBLOCK));
    struct stat st;
    if (fstat(top.get(), &st) < 0) return FailErrno(path);
    if (S_ISDIR(st.st_mode)) TRY(ChownEntries(top.get(), st.st_dev, uid, gid, path, 0));
    if ((st.st_uid != uid || st.st_gid != gid) && fchown(top.get(), uid, gid) < 0)
      return FailErrno("change the owner of " + path);
    return {};
  });
}

}  // namespace wolffia
