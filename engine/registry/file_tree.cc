#include "engine/registry/file_tree.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "engine/base/file.h"
#include "storage/tar_reader.h"

namespace wolffia {
namespace {

constexpr size_t kStep = 128 << 10;
constexpr int kMaxLinks = 16;
// Of an archive: two or three for each layer and a directory for each.
constexpr TarLimits kArchiveLimits = {.pax_bytes = 64 << 10, .entries = 20'000, .sparse_extents = 16};

Result<> StreamRange(int fd, uint64_t offset, uint64_t size, const std::string& name, const ByteSink& sink) {
  auto buffer = std::make_unique_for_overwrite<char[]>(kStep);
  while (size > 0) {
    size_t step = static_cast<size_t>(std::min<uint64_t>(size, kStep));
    size_t got = TRY(PreadFull(fd, buffer.get(), step, static_cast<off_t>(offset)));
    if (got < step) return Fail(Code::kCorrupt, name + " is truncated");
    TRY(sink({buffer.get(), got}));
    offset += got;
    size -= got;
  }
  return {};
}

}  // namespace

std::string CleanName(std::string_view name) {
  std::vector<std::string_view> parts;
  while (!name.empty()) {
    size_t slash = name.find('/');
    std::string_view part = name.substr(0, slash);
    name = slash == std::string_view::npos ? "" : name.substr(slash + 1);
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (parts.empty()) {
      return "";
    } else {
      parts.pop_back();
    }
  }
  std::string clean;
  for (std::string_view part : parts) clean += (clean.empty() ? "" : "/") + std::string(part);
  return clean;
}

Result<std::string> FileTree::Read(const std::string& name, size_t limit) const {
  int64_t size = TRY(Size(name));
  if (static_cast<uint64_t>(size) > limit)
    return Fail(Code::kInvalid, name + " has " + std::to_string(size) + " bytes; at most " +
                                    std::to_string(limit) + " are allowed");
  std::string bytes;
  TRY(Stream(name, [&](std::string_view part) -> Result<> {
    bytes += part;
    return {};
  }));
  return bytes;
}

Result<std::unique_ptr<DirectoryTree>> DirectoryTree::Open(const std::string& path) {
  auto tree = std::make_unique<DirectoryTree>();
  tree->directory_ = TRY(OpenDirectory(AT_FDCWD, path));
  return tree;
}

Result<Fd> DirectoryTree::OpenFile(const std::string& name) const {
  std::string clean = CleanName(name);
  if (clean.empty()) return Fail(Code::kInvalid, "\"" + name + "\" is no file of this image");
  Fd file = TRY(OpenInRoot(directory_.get(), clean, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  struct stat st;
  if (fstat(file.get(), &st) != 0) return FailErrno("stat " + clean);
  if (!S_ISREG(st.st_mode)) return Fail(Code::kInvalid, clean + " is no regular file");
  return file;
}

Result<int64_t> DirectoryTree::Size(const std::string& name) const {
  Fd file = TRY(OpenFile(name));
  struct stat st;
  if (fstat(file.get(), &st) != 0) return FailErrno("stat " + name);
  return st.st_size;
}

Result<> DirectoryTree::Stream(const std::string& name, const ByteSink& sink) const {
  Fd file = TRY(OpenFile(name));
  struct stat st;
  if (fstat(file.get(), &st) != 0) return FailErrno("stat " + name);
  return StreamRange(file.get(), 0, static_cast<uint64_t>(st.st_size), name, sink);
}

Result<std::unique_ptr<ArchiveTree>> ArchiveTree::Open(Fd file) {
  auto tree = std::make_unique<ArchiveTree>();
  tree->file_ = std::move(file);
  TRY_WITH(tree->Scan(), "archive");
  return tree;
}

// The reader wants every byte, and its interest in the bytes of files is to count them: it is given zeros for
// those, so that an archive's layers are not read twice.
Result<> ArchiveTree::Scan() {
  uint64_t data_end = 0;
  TarReader reader(
      [&](LayerEntry entry) -> Result<> {
        bool regular = S_ISREG(entry.mode) && !entry.hard_link && !entry.sparse;
        if (regular) data_end = entry.data_offset + entry.size;
        std::string name = CleanName(entry.path);
        if (name.empty()) return {};
        Entry& known = entries_[name];  // as in every archive, the last of a name counts
        known = {.offset = entry.data_offset, .size = entry.size, .usable = regular};
        if (!entry.hard_link && !S_ISLNK(entry.mode)) return {};
        // A symlink starts from its directory; one that leads out, or is absolute, leads to nothing.
        std::string from = entry.hard_link ? "" : SplitPath(name).first + "/";
        bool inside = entry.hard_link || !entry.link_target.starts_with('/');
        known = {.link = inside ? CleanName(from + entry.link_target) : ""};
        known.usable = !known.link.empty();
        return {};
      },
      kArchiveLimits);
  struct stat st;
  if (fstat(file_.get(), &st) != 0) return FailErrno("stat");
  const uint64_t size = static_cast<uint64_t>(st.st_size);
  auto buffer = std::make_unique<char[]>(kStep);
  const std::string zeros(kStep, '\0');
  for (int zero_blocks = 0; reader.offset() < size && zero_blocks < 2;) {
    uint64_t left = (data_end > reader.offset() ? data_end : size) - reader.offset();
    if (data_end > size) return Fail(Code::kCorrupt, "it is truncated");
    if (data_end > reader.offset()) {
      TRY(reader.Push({zeros.data(), static_cast<size_t>(std::min<uint64_t>(left, kStep))}));
      continue;
    }
    // One block, or the padding up to the next one.
    size_t step = 512 - reader.offset() % 512;
    size_t got = TRY(PreadFull(file_.get(), buffer.get(), step, static_cast<off_t>(reader.offset())));
    if (got == 0) break;
    // Two blocks of zeros are the end; what follows may be long.
    zero_blocks =
        std::string_view(buffer.get(), got) == std::string_view(zeros).substr(0, got) ? zero_blocks + 1 : 0;
    TRY(reader.Push({buffer.get(), got}));
  }
  return reader.Finish();
}

Result<ArchiveTree::Entry> ArchiveTree::Find(const std::string& name) const {
  std::string at = CleanName(name);
  for (int links = 0; links <= kMaxLinks; ++links) {
    auto found = entries_.find(at);
    if (found == entries_.end())
      return Fail(Code::kNotFound, "the archive has no file \"" + name + "\"" +
                                       (links > 0 ? " (its link leads to nothing)" : ""));
    if (!found->second.usable)
      return Fail(Code::kInvalid, "\"" + name + "\" in the archive is no regular file");
    if (found->second.link.empty()) return found->second;
    at = found->second.link;
  }
  return Fail(Code::kInvalid, "\"" + name + "\" in the archive is a loop of links");
}

Result<int64_t> ArchiveTree::Size(const std::string& name) const {
  return static_cast<int64_t>(TRY(Find(name)).size);
}

Result<> ArchiveTree::Stream(const std::string& name, const ByteSink& sink) const {
  Entry entry = TRY(Find(name));
  return StreamRange(file_.get(), entry.offset, entry.size, name, sink);
}

}  // namespace wolffia
