#include "storage/overlay/lower_index.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "storage/overlay/chunk_digest.h"
#include "storage/overlay/index_check.h"

namespace wolffia {
namespace {

constexpr int kMaxSymlinks = 40;      // MAXSYMLINKS of the kernel's path walk
constexpr size_t kMaxPath = 1 << 16;  // with link targets put in; the kernel's 4096 holds for each part alone

std::unexpected<Error> Malformed(const char* what) {
  return Fail(Code::kCorrupt, std::string("index: ") + what);
}

// The run [first, first + count) of a section of `total` entries; empty if it is not inside.
template <typename T>
std::span<const T> Run(const T* section, uint64_t total, uint64_t first, uint64_t count) {
  if (first > total || count > total - first) return {};
  return {section + first, static_cast<size_t>(count)};
}

}  // namespace

Result<LowerIndex> LowerIndex::Open(int dirfd, const std::string& path, IndexCheck check) {
  Fd fd = TRY(OpenAt(dirfd, path, O_RDONLY));
  struct stat st{};
  if (fstat(fd.get(), &st) != 0) return FailErrno("stat " + path);
  auto size = static_cast<size_t>(st.st_size);
  if (!S_ISREG(st.st_mode) || size < sizeof(IndexHeader))
    return Fail(Code::kCorrupt, path + ": too short to be an index");
  if (check == IndexCheck::kSealed) {
    std::string bytes(size, '\0');
    if (TRY(PreadFull(fd.get(), bytes.data(), size, 0)) != size)
      return Fail(Code::kCorrupt, path + ": became shorter while it was read");
    return FromBytes(std::move(bytes), check).With(path);
  }
  void* memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (memory == MAP_FAILED) return FailErrno("map " + path);
  LowerIndex index;
  index.mapping_ = static_cast<const char*>(memory);
  index.mapped_ = size;
  TRY_WITH(index.Attach(index.mapping_, size, check), path);
  return index;
}

Result<LowerIndex> LowerIndex::FromBytes(std::string bytes, IndexCheck check) {
  LowerIndex index;
  index.bytes_ = std::make_unique<std::string>(std::move(bytes));
  TRY(index.Attach(index.bytes_->data(), index.bytes_->size(), check));
  return index;
}

void LowerIndex::Unmap() {
  if (mapped_ != 0) munmap(const_cast<char*>(mapping_), mapped_);
  mapped_ = 0;
}

LowerIndex::~LowerIndex() {
  Unmap();
}

LowerIndex::LowerIndex(LowerIndex&& other) noexcept {
  *this = std::move(other);
}

LowerIndex& LowerIndex::operator=(LowerIndex&& other) noexcept {
  if (this == &other) return *this;
  Unmap();
  mapping_ = other.mapping_;
  mapped_ = std::exchange(other.mapped_, 0);
  bytes_ = std::move(other.bytes_);
  header_ = other.header_;
  nodes_ = other.nodes_;
  dirents_ = other.dirents_;
  xattrs_ = other.xattrs_;
  extents_ = other.extents_;
  digests_ = other.digests_;
  strings_ = other.strings_;
  return *this;
}

Result<> LowerIndex::Attach(const char* data, size_t size, IndexCheck check) {
  if (size < sizeof(IndexHeader)) return Malformed("too short");
  memcpy(&header_, data, sizeof header_);
  if (memcmp(header_.magic, kIndexMagic, sizeof kIndexMagic) != 0)
    return Malformed("not an index of this version");
  if (header_.file_size != size) return Malformed("not of the length that it says");
  if (header_.node_count == 0 || header_.node_count == kNoNode) return Malformed("no root");
  if (header_.layer_count == 0 || header_.layer_count > 0xffff)
    return Malformed("impossible number of layers");
  if (header_.digest_count > size / sizeof(uint64_t)) return Malformed("sections do not fit the file");
  // No overflow: the other counts have 32 bits, so that the tables end below 2^40.
  uint64_t dirents = sizeof(IndexHeader) + uint64_t{header_.node_count} * sizeof(IndexNode);
  uint64_t xattrs = dirents + uint64_t{header_.dirent_count} * sizeof(IndexDirent);
  uint64_t extents = xattrs + uint64_t{header_.xattr_count} * sizeof(IndexXattr);
  uint64_t digests = extents + uint64_t{header_.extent_count} * sizeof(IndexExtent);
  uint64_t strings = digests + header_.digest_count * sizeof(uint64_t);
  if (strings > size || header_.strings_size != size - strings)
    return Malformed("sections do not fit the file");
  nodes_ = reinterpret_cast<const IndexNode*>(data + sizeof(IndexHeader));
  dirents_ = reinterpret_cast<const IndexDirent*>(data + dirents);
  xattrs_ = reinterpret_cast<const IndexXattr*>(data + xattrs);
  extents_ = reinterpret_cast<const IndexExtent*>(data + extents);
  digests_ = reinterpret_cast<const uint64_t*>(data + digests);
  strings_ = data + strings;
  if (check != IndexCheck::kBounds && IndexChecksum({data, size}) != header_.checksum)
    return Malformed("its bytes are not those that were written");
  if (check == IndexCheck::kFull) TRY_WITH(CheckIndex(*this), "index");
  return {};
}

std::span<const IndexDirent> LowerIndex::Dirents(const IndexNode& directory) const {
  if (!S_ISDIR(directory.mode)) return {};
  return Run(dirents_, header_.dirent_count, directory.data, directory.count);
}

std::span<const IndexXattr> LowerIndex::Xattrs(const IndexNode& n) const {
  return Run(xattrs_, header_.xattr_count, n.first_xattr, n.xattr_count);
}

std::span<const IndexExtent> LowerIndex::Extents(const IndexNode& sparse) const {
  if ((sparse.flags & kNodeSparse) == 0) return {};
  return Run(extents_, header_.extent_count, sparse.data, sparse.count);
}

std::span<const uint64_t> LowerIndex::Digests(const IndexNode& plain) const {
  if (!S_ISREG(plain.mode) || (plain.flags & kNodeSparse) != 0) return {};
  return Run(digests_, header_.digest_count, plain.count, ChunksOf(plain.size));
}

std::span<const uint64_t> LowerIndex::Digests(const IndexExtent& extent) const {
  return Run(digests_, header_.digest_count, extent.first_digest, ChunksOf(extent.size));
}

uint32_t LowerIndex::Lookup(uint32_t directory, std::string_view name) const {
  if (directory >= header_.node_count) return kNoNode;
  auto dirents = Dirents(nodes_[directory]);
  auto at = std::lower_bound(dirents.begin(), dirents.end(), name,
                             [this](const IndexDirent& d, std::string_view n) { return Name(d) < n; });
  if (at == dirents.end() || Name(*at) != name || at->node >= header_.node_count) return kNoNode;
  return at->node;
}

std::string LowerIndex::PathOf(const IndexNode& node) const {
  const auto number = static_cast<uint32_t>(&node - nodes_);
  std::string path;
  uint32_t wanted = number;
  // Deeper than there are nodes: an index whose tree was not checked has a loop.
  for (uint32_t depth = 0; wanted != 0 && depth < header_.node_count; ++depth) {
    uint32_t directory = 0;
    const IndexDirent* entry = nullptr;
    for (; directory < header_.node_count && entry == nullptr; ++directory)
      for (const IndexDirent& d : Dirents(nodes_[directory]))
        if (d.node == wanted) entry = &d;
    if (entry == nullptr) return "";
    path.insert(0, (path.empty() ? std::string(Name(*entry)) : std::string(Name(*entry)) + "/"));
    wanted = directory - 1;
  }
  return path;
}

Result<uint32_t> LowerIndex::Resolve(std::string_view path, bool follow_last) const {
  auto missing = [&] { return Fail(Code::kNotFound, "no such file in the image: " + std::string(path)); };
  auto looping = [&] {
    return Fail(Code::kInvalid, "too many levels of symbolic links: " + std::string(path));
  };
  std::string rest(path);
  uint32_t current = 0;
  int links = 0;
  for (size_t at = rest.find_first_not_of('/'); at != rest.npos;) {
    if (!S_ISDIR(node(current).mode)) return missing();
    size_t end = std::min(rest.find('/', at), rest.size());
    size_t next = rest.find_first_not_of('/', end);
    std::string_view name = std::string_view(rest).substr(at, end - at);
    if (name == "..") {
      current = node(current).parent;
      if (current >= node_count()) return missing();
    } else if (name != ".") {
      uint32_t found = Lookup(current, name);
      if (found == kNoNode || (nodes_[found].flags & kNodeWhiteout) != 0) return missing();
      const IndexNode& child = nodes_[found];
      bool last = next == rest.npos && end == rest.size();  // a trailing slash follows even the last link
      if (S_ISLNK(child.mode) && (follow_last || !last)) {
        std::string_view target = Target(child);
        if (target.empty()) return missing();
        if (++links > kMaxSymlinks || target.size() + rest.size() - end > kMaxPath) return looping();
        if (target.front() == '/') current = 0;
        rest = std::string(target) + rest.substr(end);
        at = rest.find_first_not_of('/');
        continue;
      }
      current = found;
    }
    if (next == rest.npos && end < rest.size() && !S_ISDIR(node(current).mode)) return missing();
    at = next;
  }
  return current;
}

}  // namespace wolffia
