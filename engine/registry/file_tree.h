// FileTree: named files of a local image, in a directory or inside a tar archive. Names come from the image,
// so they are hostile: no name reaches a file outside, and only regular files are read.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/fd.h"
#include "engine/registry/http_client.h"

namespace wolffia {

class FileTree {
 public:
  virtual ~FileTree() = default;
  // Bytes of the file; kNotFound names it.
  virtual Result<int64_t> Size(const std::string& name) const = 0;
  // Streams the file. From several threads at once.
  virtual Result<> Stream(const std::string& name, const ByteSink& sink) const = 0;
  bool Has(const std::string& name) const { return Size(name).has_value(); }
  virtual bool IsDirectory() const { return false; }
  // The whole file; kInvalid if it is longer than `limit`.
  Result<std::string> Read(const std::string& name, size_t limit) const;
};

// A directory of the host.
class DirectoryTree : public FileTree {
 public:
  static Result<std::unique_ptr<DirectoryTree>> Open(const std::string& path);
  Result<int64_t> Size(const std::string& name) const override;
  Result<> Stream(const std::string& name, const ByteSink& sink) const override;
  bool IsDirectory() const override { return true; }

 private:
  Result<Fd> OpenFile(const std::string& name) const;
  Fd directory_;
};

// An uncompressed tar. Its headers are read once; files are then read where they lie, links are followed
// inside.
class ArchiveTree : public FileTree {
 public:
  // `file` is a regular file. kCorrupt if it is no tar.
  static Result<std::unique_ptr<ArchiveTree>> Open(Fd file);
  Result<int64_t> Size(const std::string& name) const override;
  Result<> Stream(const std::string& name, const ByteSink& sink) const override;

 private:
  struct Entry {
    uint64_t offset = 0, size = 0;
    std::string link;  // of a symlink or hard link: the name that it leads to; empty for a file
    bool usable = false;
  };
  Result<> Scan();
  Result<Entry> Find(const std::string& name) const;

  Fd file_;
  std::map<std::string, Entry> entries_;
};

// "./a//b/../c" -> "a/c"; "" if it leads out of the tree or names the tree itself.
std::string CleanName(std::string_view name);

}  // namespace wolffia
