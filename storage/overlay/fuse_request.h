// FuseRequest: a request as it lies in memory after read(2) of /dev/fuse, before libfuse takes it apart. For
// what libfuse 3.14 does not know, and because it believes every length that it is told.
#pragma once

#include <linux/fuse.h>

#include <cstddef>
#include <cstdint>

namespace wolffia {

// Younger than the oldest linux/fuse.h that we build with (7.36).
inline constexpr uint32_t kFuseTmpfile = 51;                   // Linux 6.2
inline constexpr uint32_t kFuseHandleKillprivV2 = 1u << 28;    // Linux 5.12
inline constexpr uint32_t kFuseSetxattrExt = 1u << 29;         // Linux 5.14
inline constexpr uint32_t kFuseWriteKillSuidgid = 1u << 2;     // fuse_write_in.write_flags
inline constexpr uint32_t kFattrKillSuidgid = 1u << 11;        // fuse_setattr_in.valid
inline constexpr uint32_t kFuseSetxattrAclKillSgid = 1u << 0;  // of the long form of SETXATTR

// SETXATTR before its name: the short form, and the long one (kFuseSetxattrExt).
struct FuseSetxattrIn {
  uint32_t size;
  uint32_t flags;
  uint32_t setxattr_flags;  // from here on: only in the long form
  uint32_t padding;
};
inline constexpr size_t kShortSetxattrIn = 8;

struct FuseRequest {
  int fd = -1;  // of /dev/fuse
  const fuse_in_header* header = nullptr;
  const char* body = nullptr;  // after the header
  size_t size = 0;             // of the body
  uint32_t init_flags = 0;     // of the flags that we added to the handshake, those that hold

  template <typename T>
  const T& As() const {  // CheckRequest has seen that it is there
    return *reinterpret_cast<const T*>(body);
  }
};

// 0, or the errno that the request deserves: it is cut off, its strings do not end, a name is longer than 255
// bytes or has a slash, it is of a kind that nobody here serves.
int CheckRequest(const FuseRequest& request);
// FORGETs: the kernel waits for no answer.
bool NeedsReply(const FuseRequest& request);
// `error` is an errno; then there is no data. False: the kernel did not take it (the request was
// interrupted).
bool Reply(const FuseRequest& request, int error, const void* data = nullptr, size_t size = 0);

// Of this thread: whether its request may be served once more, and is to be, because it found no room where
// there may be some in a moment (RequestReader::AwaitForgets).
struct SecondTry {
  bool possible = false, wanted = false;
  // Before an answer is given to the kernel: true if it is held back. `cut`: something was done, but for lack
  // of room not all.
  bool Hold(int error, bool cut = false);
};
extern thread_local SecondTry second_try;

}  // namespace wolffia
