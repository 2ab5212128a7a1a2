// The index loader on hostile bytes, at both depths of checking: everything that can be reached is touched.
// Where the full check accepts, its promises are verified: the tree can be walked without limits and every
// name is found.
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "engine/base/file.h"
#include "storage/overlay/chunk_digest.h"
#include "storage/overlay/lower_tree.h"

namespace wolffia {
namespace {

constexpr uint32_t kMaxNodes = 1000;  // looked at where nothing is promised: runs may overlap without end

size_t sum = 0;  // keeps the reads
void Touch(std::string_view text) {
  for (char c : text) sum += static_cast<unsigned char>(c);
}

std::shared_ptr<const Lower> Open(std::string bytes, IndexCheck check) {
  auto index = LowerIndex::FromBytes(std::move(bytes), check);
  if (!index) return nullptr;
  std::vector<Fd> tars;
  tars.emplace_back(memfd_create("tar", MFD_CLOEXEC));
  (void)WriteFull(tars[0].get(), "a small tar that most files reach beyond");
  auto lower = std::make_shared<Lower>(std::move(*index), std::move(tars));
  if (check == IndexCheck::kSealed) lower->VerifyReads();
  return lower;
}

void TouchNode(const LowerTree& tree, const Lower& lower, uint32_t n) {
  const LowerIndex& index = tree.index();
  const IndexNode& node = index.node(n);
  struct stat st;
  tree.Stat(n, &st);
  Touch(index.Target(node).substr(0, 5000));
  Touch(tree.XattrNames(node));
  (void)tree.Xattr(node, "user.a");
  char buffer[64];
  for (uint64_t offset : {uint64_t{0}, uint64_t{5}, node.size - 1, node.size, ~uint64_t{0}}) {
    (void)lower.Read(node, buffer, sizeof buffer, offset);
    (void)tree.SeekHole(node, static_cast<int64_t>(offset), SEEK_DATA);
    (void)tree.SeekHole(node, static_cast<int64_t>(offset), SEEK_HOLE);
  }
  uint32_t seen = 0;
  for (const IndexDirent& d : index.Dirents(node)) {
    if (++seen > kMaxNodes) break;
    Touch(index.Name(d).substr(0, 300));
    sum += index.Lookup(n, index.Name(d)) + index.node(d.node).mode;
  }
}

void Reach(const Lower& lower) {
  LowerTree tree(std::shared_ptr<const Lower>(std::shared_ptr<void>(), &lower), IdView({{0, 1}}, {{0, 1}}));
  for (uint32_t n = 0; n < std::min(lower.index().node_count() + 1, kMaxNodes); ++n)
    TouchNode(tree, lower, n);
  for (const char* path : {"a", "etc/passwd", "l/l/l", "/../d/./x/", "loop", "up/..", ""}) {
    (void)lower.index().Resolve(path);
    (void)lower.index().Resolve(path, false);
    (void)lower.ReadFile(path, 4096);
  }
}

void Require(bool promise) {
  if (!promise) abort();
}

// Recursion without a limit: the depth is what the full check has made sure of.
uint32_t Walk(const LowerIndex& index, uint32_t directory) {
  uint32_t names = 0;
  for (const IndexDirent& d : index.Dirents(index.node(directory))) {
    Require(d.node < index.node_count() && index.Lookup(directory, index.Name(d)) == d.node);
    ++names;
    if (S_ISDIR(index.node(d.node).mode)) names += Walk(index, d.node);
  }
  return names;
}

}  // namespace
}  // namespace wolffia

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace wolffia;
  std::string bytes(reinterpret_cast<const char*>(data), size);
  // Mutations hardly ever keep the length right; the header is worth less than what follows it.
  if (bytes.size() >= sizeof(IndexHeader)) {
    IndexHeader header;
    memcpy(&header, bytes.data(), sizeof header);
    header.file_size = bytes.size();
    uint64_t tables = sizeof header + uint64_t{header.node_count} * sizeof(IndexNode) +
                      uint64_t{header.dirent_count} * sizeof(IndexDirent) +
                      uint64_t{header.xattr_count} * sizeof(IndexXattr) +
                      uint64_t{header.extent_count} * sizeof(IndexExtent) +
                      std::min<uint64_t>(header.digest_count, bytes.size()) * sizeof(uint64_t);
    if (tables <= bytes.size() && (header.reserved[0] & 1) == 0) header.strings_size = bytes.size() - tables;
    memcpy(bytes.data(), &header, sizeof header);
    if ((header.reserved[0] & 2) == 0) SealIndex(bytes.data(), bytes.size());
  }
  if (auto lower = Open(bytes, IndexCheck::kBounds)) Reach(*lower);
  if (auto lower = Open(bytes, IndexCheck::kSealed)) Reach(*lower);
  if (auto lower = Open(bytes, IndexCheck::kFull)) {
    Reach(*lower);
    Require(Walk(lower->index(), 0) <= lower->index().header().dirent_count);
  }
  return 0;
}
