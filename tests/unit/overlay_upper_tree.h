// An upper in a temporary directory, and what it holds as a table of lines: for the tests of UpperStore.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "engine/base/file.h"
#include "storage/overlay/upper_store.h"

namespace wolffia {

// Where the tests run: a file system with a disk, and one in memory. Their inode numbers and renames differ.
inline std::vector<std::string> UpperBases() {
  const char* disk = getenv("TMPDIR");
  return {disk != nullptr ? disk : "/tmp", "/dev/shm"};
}

struct Variation {
  const char* name;
  UpperCapabilities allowed;
  bool on_disk = false;  // the long tests run there, too
};
inline constexpr Variation kVariations[] = {
    {"everything", {}, true},
    {"sidecar", {.user_xattrs = false}},
    {"whiteout files", {.rename_whiteout = false, .whiteout_nodes = false}},
    {"no exchange", {.rename_exchange = false}},
    {"old NFS",
     {.rename_whiteout = false, .rename_exchange = false, .user_xattrs = false, .whiteout_nodes = false},
     true},
    {"attributes only", {.rename_whiteout = false, .rename_exchange = false, .whiteout_nodes = false}},
};

inline std::string VariationName(const testing::TestParamInfo<Variation>& variation) {
  std::string name = variation.param.name;
  std::erase(name, ' ');
  return name;
}

class UpperPlace {
 public:
  explicit UpperPlace(const std::string& base) : path_(base + "/wolffia-upper-XXXXXX") {
    umask(0);
    if (mkdtemp(path_.data()) == nullptr) abort();
    for (const char* name : {"/upper", "/work"})
      if (mkdir((path_ + name).c_str(), 0700) < 0) abort();
  }
  ~UpperPlace() { (void)!RemoveTreeAt(AT_FDCWD, path_).has_value(); }
  UpperPlace(const UpperPlace&) = delete;
  UpperPlace& operator=(const UpperPlace&) = delete;

  Result<std::unique_ptr<UpperStore>> Open(UpperOptions options) const {
    Fd upper = TRY(OpenDirectory(AT_FDCWD, path_ + "/upper"));
    Fd work = TRY(OpenDirectory(AT_FDCWD, path_ + "/work"));
    return UpperStore::Open(std::move(upper), std::move(work), std::move(options));
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// path -> what the container sees of it. Host inode numbers are not in it.
using UpperTable = std::map<std::string, std::string>;

inline std::string DescribeUpper(UpperStore& store, const UpperSpot& at, const UpperObject& object) {
  if (object.kind == UpperObject::Kind::kWhiteout) return "whiteout";
  const struct stat& st = object.st;
  char text[160];
  snprintf(text, sizeof text, "%06o %u:%u dev %lu", st.st_mode, st.st_uid, st.st_gid,
           static_cast<unsigned long>(st.st_rdev));
  std::string line = text;
  if (!S_ISDIR(st.st_mode)) line += " links " + std::to_string(st.st_nlink);
  if (S_ISLNK(st.st_mode)) line += " -> " + store.ReadLink(at.dirfd, at.name, object).value_or("?");
  if (S_ISREG(st.st_mode)) {
    auto fd = store.OpenFile(at.dirfd, at.name);
    line += " \"" + (fd ? ReadFd(fd->get(), 1 << 20, at.name).value_or("?") : "?") + "\"";
  }
  if (st.st_mtim.tv_sec < 1000000) line += " mtime " + std::to_string(st.st_mtim.tv_sec);
  if (object.opaque) line += " opaque";
  if (!object.redirect.empty()) line += " redirect " + object.redirect;
  if (object.origin != 0) line += " origin " + std::to_string(object.origin);
  std::map<std::string, std::string> xattrs;
  for (const std::string& name : store.ListXattrs(at, object).value_or(std::vector<std::string>{}))
    xattrs[name] = store.GetXattr(at, object, name).value_or("?");
  for (const auto& [name, value] : xattrs) line += " " + name + "=" + value;
  return line;
}

inline void TabulateInto(UpperStore& store, int dirfd, const std::string& prefix, UpperTable* table) {
  auto names = store.List(dirfd);
  if (!names) abort();
  for (const auto& entry : *names) {
    UpperSpot at{dirfd, entry.name.c_str()};
    auto object = store.Look(dirfd, entry.name.c_str());
    if (!object) abort();
    (*table)[prefix + entry.name] = DescribeUpper(store, at, *object);
    if (object->kind != UpperObject::Kind::kDirectory) continue;
    auto fd = store.OpenDirectory(dirfd, entry.name.c_str());
    if (!fd) abort();
    TabulateInto(store, fd->get(), prefix + entry.name + "/", table);
  }
}

inline UpperTable Tabulate(UpperStore& store) {
  UpperTable table;
  TabulateInto(store, store.rootfd(), "", &table);
  for (uint64_t origin : store.ListLinked().value_or(std::vector<uint64_t>{})) {
    std::string name;
    UpperSpot at = store.LinkedSpot(origin, &name);
    auto object = store.Look(at.dirfd, at.name);
    table["links/" + name] = (object ? DescribeUpper(store, at, *object) : "?") + " pending " +
                             std::to_string(store.PendingLinks(origin).value_or(999));
  }
  return table;
}

}  // namespace wolffia
