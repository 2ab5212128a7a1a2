#include "storage/overlay/index_writer.h"

#include <sys/stat.h>

#include <cstring>
#include <limits>

#include "storage/overlay/chunk_digest.h"

namespace wolffia {

uint32_t IndexWriter::AddNode(IndexNode fields) {
  bool directory = S_ISDIR(fields.mode);
  fields.nlink = directory ? 2 : 0;
  if (!S_ISREG(fields.mode)) fields.count = 0;
  fields.first_xattr = fields.xattr_count = 0;
  fields.parent = directory ? 0 : kNoNode;
  nodes_.push_back(fields);
  return static_cast<uint32_t>(nodes_.size() - 1);
}

void IndexWriter::BeginDirectory(uint32_t directory) {
  directory_ = directory;
  nodes_[directory].data = dirents_.size();
}

void IndexWriter::AddDirent(std::string_view name, uint32_t child) {
  dirents_.push_back({AddString(name), static_cast<uint32_t>(name.size()), child});
  ++nodes_[directory_].count;
  if (S_ISDIR(nodes_[child].mode)) {
    nodes_[child].parent = directory_;
    ++nodes_[directory_].nlink;
  } else {
    ++nodes_[child].nlink;
  }
}

void IndexWriter::SetTarget(uint32_t symlink, std::string_view target) {
  nodes_[symlink].size = target.size();
  nodes_[symlink].data = AddString(target);
}

void IndexWriter::SetExtents(uint32_t file, std::span<const IndexExtent> extents) {
  nodes_[file].data = extents_.size();
  nodes_[file].count = static_cast<uint32_t>(extents.size());
  extents_.insert(extents_.end(), extents.begin(), extents.end());
}

uint64_t IndexWriter::AddDigests(std::span<const uint64_t> digests) {
  digests_.insert(digests_.end(), digests.begin(), digests.end());
  return digests_.size() - digests.size();
}

void IndexWriter::AddXattr(uint32_t node, std::string_view name, std::string_view value) {
  if (nodes_[node].xattr_count++ == 0) nodes_[node].first_xattr = static_cast<uint32_t>(xattrs_.size());
  uint64_t name_offset = AddString(name);
  xattrs_.push_back({name_offset, AddString(value), static_cast<uint32_t>(name.size()),
                     static_cast<uint32_t>(value.size())});
}

uint64_t IndexWriter::AddString(std::string_view text) {
  strings_ += text;
  return strings_.size() - text.size();
}

namespace {

template <typename T>
void Append(std::string& out, const std::vector<T>& section) {
  if (!section.empty()) out.append(reinterpret_cast<const char*>(section.data()), section.size() * sizeof(T));
}

uint64_t ContentBytes(const std::vector<IndexNode>& nodes) {
  uint64_t sum = 0;  // saturates: sparse files can claim more than there is
  for (const IndexNode& node : nodes)
    if (S_ISREG(node.mode) && __builtin_add_overflow(sum, node.size, &sum))
      return std::numeric_limits<uint64_t>::max();
  return sum;
}

}  // namespace

Result<std::string> IndexWriter::Finish(uint32_t layer_count, uint32_t flags) {
  constexpr size_t kMost = kNoNode - 1;
  if (nodes_.size() > kMost || dirents_.size() > kMost || xattrs_.size() > kMost || extents_.size() > kMost ||
      digests_.size() > kMost)
    return Fail(Code::kInvalid, "the tree has more entries than an index can hold");
  IndexHeader header{};
  memcpy(header.magic, kIndexMagic, sizeof header.magic);
  header.node_count = static_cast<uint32_t>(nodes_.size());
  header.dirent_count = static_cast<uint32_t>(dirents_.size());
  header.xattr_count = static_cast<uint32_t>(xattrs_.size());
  header.extent_count = static_cast<uint32_t>(extents_.size());
  header.strings_size = strings_.size();
  header.file_size = sizeof header + nodes_.size() * sizeof(IndexNode) +
                     dirents_.size() * sizeof(IndexDirent) + xattrs_.size() * sizeof(IndexXattr) +
                     extents_.size() * sizeof(IndexExtent) + digests_.size() * sizeof(uint64_t) +
                     strings_.size();
  header.layer_count = layer_count;
  header.flags = flags | (xattrs_.empty() ? 0 : kIndexHasXattrs);
  header.content_bytes = ContentBytes(nodes_);
  header.digest_count = digests_.size();

  std::string out;
  out.reserve(header.file_size);
  out.append(reinterpret_cast<const char*>(&header), sizeof header);
  Append(out, nodes_);
  Append(out, dirents_);
  Append(out, xattrs_);
  Append(out, extents_);
  Append(out, digests_);
  out += strings_;
  SealIndex(out.data(), out.size());
  return out;
}

}  // namespace wolffia
