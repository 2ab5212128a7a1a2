// The index of a layer, or of a chain of layers: the on-disk format, little-endian, mmap-ed and never parsed.
//
//   Header | IndexNode[node_count] | IndexDirent[dirent_count] | IndexXattr[xattr_count] | IndexExtent[extent_count]
//          | digests (64 bits each) | strings (names, link targets, xattr names and values; no terminators)
//
// A run of a file's bytes in a tar (a plain file has one, a sparse one an extent each) is cut into chunks of
// kChunkBytes from its start, the last one shorter; each has a digest, one after another (chunk_digest.h).
//
// Every section starts at a multiple of 8. Node 0 is the root directory. A directory's dirents are one contiguous run,
// sorted by name (memcmp, shorter first), without "." and "..". A hard link is a second dirent of one node. Derived
// data: a file that is malformed or of another version is deleted and made again, so there is no migration. How much of
// it is checked when: see LowerIndex and index_check.h.
//
// A layer's index also holds what the layer removes (kNodeWhiteout nodes, kNodeOpaque directories), implies
// (kNodeImplicit) or refers to below it (kNodeLowerLink); a chain's never does.
#pragma once

#include <cstdint>

namespace wolffia {

inline constexpr char kIndexMagic[8] = {'w', 'o', 'l', 'f', 'i', 'd', 'x', '2'};
inline constexpr uint32_t kNoNode = 0xffffffff;
inline constexpr uint64_t kChunkBytes = 64 << 10;
constexpr uint64_t ChunksOf(uint64_t size) { return size / kChunkBytes + (size % kChunkBytes != 0 ? 1 : 0); }

struct IndexHeader {
  char magic[8];
  uint32_t node_count;
  uint32_t dirent_count;
  uint32_t xattr_count;
  uint32_t extent_count;
  uint64_t strings_size;
  uint64_t file_size;       // of the whole index
  uint32_t layer_count;     // 1 for a layer
  uint32_t flags;           // kIndexHasXattrs, kIndexIsChain, kIndexHasDigests
  uint64_t content_bytes;   // sum of the sizes of regular files, each node once
  uint64_t digest_count;
  uint64_t checksum;        // of the whole file, with zero in this place: IndexChecksum
  uint8_t reserved[56];     // the nodes begin at a cache line
};
static_assert(sizeof(IndexHeader) == 128);

inline constexpr uint32_t kIndexHasXattrs = 1;
inline constexpr uint32_t kIndexIsChain = 2;
inline constexpr uint32_t kIndexHasDigests = 4;  // of all bytes of all files

enum IndexNodeFlags : uint16_t {
  kNodeWhiteout = 1,      // removes the name from lower layers; mode is 0
  kNodeOpaque = 2,        // directory that hides the lower layers' directory
  kNodeSparse = 4,        // regular file whose bytes are given by extents
  kNodeImplicit = 8,      // directory that the layer has no entry for (only files below it): 0755 root, lower one wins
  kNodeLowerLink = 16,    // hard link to a file of a lower layer: stored like a symlink (S_IFLNK, target in strings),
                          // the target being the path from the root without a leading slash
};

struct IndexNode {
  uint32_t mode;        // st_mode, type included
  uint32_t uid, gid;    // as in the tar
  uint32_t nlink;       // directories: 2 + subdirectories
  uint64_t size;        // regular files: bytes; symlinks: length of the target; else 0
  int64_t mtime_sec;
  uint32_t mtime_nsec;
  uint16_t layer;       // whose tar holds the bytes; 0 is the lowest layer
  uint16_t flags;
  uint64_t data;        // regular: offset of its bytes in the tar; symlink: offset in strings;
                        // directory: index of its first dirent; device: rdev (makedev); sparse: first extent
  uint32_t count;       // directory: number of dirents; sparse: number of extents; plain file: first digest
  uint32_t first_xattr; // run of xattrs
  uint32_t xattr_count;
  uint32_t parent;      // directories: parent node (root: itself); others: kNoNode
};
static_assert(sizeof(IndexNode) == 64);

struct IndexDirent {
  uint64_t name_offset;  // in strings
  uint32_t name_size;    // 1..255
  uint32_t node;
};
static_assert(sizeof(IndexDirent) == 16);

struct IndexXattr {
  uint64_t name_offset, value_offset;  // in strings
  uint32_t name_size, value_size;
};
static_assert(sizeof(IndexXattr) == 24);

struct IndexExtent {  // bytes between extents are zeros; sorted, not overlapping, within the size
  uint64_t file_offset, tar_offset, size;
  uint64_t first_digest;
};
static_assert(sizeof(IndexExtent) == 32);

}  // namespace wolffia
