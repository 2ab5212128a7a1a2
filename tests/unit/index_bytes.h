// IndexBytes: an index put together by hand, for tests: trees for the reading side, and malformed bytes that
// no writer makes. The tables are public; a test breaks them before Build().
#pragma once

#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/overlay/chunk_digest.h"
#include "storage/overlay/index_format.h"

namespace wolffia {

class IndexBytes {
 public:
  std::vector<IndexNode> nodes;
  std::vector<IndexDirent> dirents;
  std::vector<IndexXattr> xattrs;
  std::vector<IndexExtent> extents;
  std::vector<uint64_t> digests;  // none, unless Digest() is called
  std::string strings;
  std::string tar;  // the bytes of all files, at the offsets that the nodes give
  uint32_t flags = kIndexIsChain;

  IndexBytes() { Node("", {.mode = S_IFDIR | 0755}); }

  uint32_t Directory(const std::string& path, uint32_t mode = 0755) {
    return Node(path, {.mode = S_IFDIR | mode});
  }
  uint32_t File(const std::string& path, std::string_view content, uint32_t mode = 0644) {
    tar.resize((tar.size() + 511) / 512 * 512, '\xee');  // what lies between files must never show
    uint32_t n = Node(path, {.mode = S_IFREG | mode, .size = content.size(), .data = tar.size()});
    tar += content;
    return n;
  }
  uint32_t Symlink(const std::string& path, std::string_view target) {
    return Node(path, {.mode = S_IFLNK | 0777, .size = target.size(), .data = String(target)});
  }
  uint32_t Device(const std::string& path, uint32_t mode, uint64_t rdev) {
    return Node(path, {.mode = mode, .data = rdev});
  }
  // `pieces`: file offset and content, in order.
  uint32_t Sparse(const std::string& path, uint64_t size,
                  std::vector<std::pair<uint64_t, std::string>> pieces) {
    uint32_t n = Node(path, {.mode = S_IFREG | 0644,
                             .size = size,
                             .flags = kNodeSparse,
                             .data = extents.size(),
                             .count = static_cast<uint32_t>(pieces.size())});
    for (auto& [offset, content] : pieces) {
      extents.push_back({.file_offset = offset, .tar_offset = tar.size(), .size = content.size()});
      tar += content;
    }
    return n;
  }
  void HardLink(const std::string& path, uint32_t node) {
    names_[Split(path).first][Split(path).second] = node;
    ++nodes[node].nlink;
  }
  // All of one node's, one after another.
  void Xattr(uint32_t node, std::string_view name, std::string_view value) {
    flags |= kIndexHasXattrs;
    if (nodes[node].xattr_count++ == 0) nodes[node].first_xattr = static_cast<uint32_t>(xattrs.size());
    xattrs.push_back({.name_offset = String(name),
                      .value_offset = String(value),
                      .name_size = static_cast<uint32_t>(name.size()),
                      .value_size = static_cast<uint32_t>(value.size())});
  }
  uint64_t String(std::string_view text) {
    strings += text;
    return strings.size() - text.size();
  }

  // Lays out the names. Call it once, before breaking a table by hand.
  IndexBytes& Seal() {
    dirents.clear();
    for (auto& [directory, names] : names_) {
      nodes[directory].data = dirents.size();
      nodes[directory].count = static_cast<uint32_t>(names.size());
      for (auto& [name, node] : names)
        dirents.push_back(
            {.name_offset = String(name), .name_size = static_cast<uint32_t>(name.size()), .node = node});
    }
    return *this;
  }

  // Of all files, as the tar is now.
  IndexBytes& Digest() {
    flags |= kIndexHasDigests;
    for (IndexNode& n : nodes)
      if (S_ISREG(n.mode) && (n.flags & kNodeSparse) == 0)
        n.count = static_cast<uint32_t>(DigestRun(n.data, n.size));
    for (IndexExtent& e : extents) e.first_digest = DigestRun(e.tar_offset, e.size);
    return *this;
  }

  std::string Build() const {
    IndexHeader header{};
    memcpy(header.magic, kIndexMagic, sizeof header.magic);
    header.node_count = static_cast<uint32_t>(nodes.size());
    header.dirent_count = static_cast<uint32_t>(dirents.size());
    header.xattr_count = static_cast<uint32_t>(xattrs.size());
    header.extent_count = static_cast<uint32_t>(extents.size());
    header.strings_size = strings.size();
    header.layer_count = 1;
    header.flags = flags;
    header.digest_count = digests.size();
    for (const IndexNode& n : nodes)
      if (S_ISREG(n.mode)) header.content_bytes += n.size;
    std::string bytes(sizeof header, '\0');
    Append(&bytes, nodes);
    Append(&bytes, dirents);
    Append(&bytes, xattrs);
    Append(&bytes, extents);
    Append(&bytes, digests);
    bytes += strings;
    header.file_size = bytes.size();
    memcpy(bytes.data(), &header, sizeof header);
    SealIndex(bytes.data(), bytes.size());
    return bytes;
  }

 private:
  template <typename T>
  static void Append(std::string* bytes, const std::vector<T>& table) {
    bytes->append(reinterpret_cast<const char*>(table.data()), table.size() * sizeof(T));
  }
  uint64_t DigestRun(uint64_t offset, uint64_t size) {
    const uint64_t first = digests.size();
    for (uint64_t at = 0; at < size; at += kChunkBytes)
      digests.push_back(ChunkDigest(
          std::string_view(tar).substr(offset + at, std::min<uint64_t>(kChunkBytes, size - at))));
    return first;
  }
  std::pair<uint32_t, std::string> Split(const std::string& path) const {
    size_t slash = path.rfind('/');
    if (slash == path.npos) return {0, path};
    return {paths_.at(path.substr(0, slash)), path.substr(slash + 1)};
  }
  uint32_t Node(const std::string& path, IndexNode node) {
    auto n = static_cast<uint32_t>(nodes.size());
    bool directory = S_ISDIR(node.mode);
    node.nlink = directory ? 2 : 1;
    node.parent = directory ? 0 : kNoNode;
    node.mtime_sec = 1700000000 + n;
    node.mtime_nsec = 123456789;
    if (n != 0) {
      auto [parent, name] = Split(path);
      names_[parent][name] = n;
      if (directory) {
        node.parent = parent;
        ++nodes[parent].nlink;
      }
    }
    if (directory) {
      paths_[path] = n;
      names_[n];
    }
    nodes.push_back(node);
    return n;
  }
  std::map<std::string, uint32_t> paths_;
  std::map<uint32_t, std::map<std::string, uint32_t>> names_;
};

}  // namespace wolffia
