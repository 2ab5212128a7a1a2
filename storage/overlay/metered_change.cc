#include "storage/overlay/metered_change.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "engine/base/result.h"

namespace wolffia {
namespace {

constexpr uint64_t kBlock = 4096;

uint64_t BlockOf(uint64_t offset) {
  return offset / kBlock * kBlock;
}

struct File {
  Quota& quota;
  int fd;
  uint64_t ino;
};

void Settle(const File& file, uint64_t reserved) {
  auto bytes = HostBytes(file.fd);
  if (bytes) {
    file.quota.Settle(file.ino, *bytes, reserved);
  } else {
    file.quota.GiveBytes(reserved);
  }
}

// Charges for what the file takes now; where that is too much, `undo` takes the growth back.
template <typename Undo>
Sys<> ChargeOrUndo(const File& file, const Undo& undo) {
  auto charged = file.quota.Charge(file.ino, TRY(HostBytes(file.fd)));
  if (charged) return {};
  undo();
  Settle(file, 0);
  return SysFail(ENOSPC);
}

enum class Block { kData, kHole, kUnknown };

// kData: some byte of it was written once. kHole: none was, though the host may have set the block aside.
// kUnknown: the file has holes (or is compressed), and the host does not tell where (NFSv3).
Block LookAt(int fd, const struct stat& st, uint64_t block) {
  if (st.st_blocks * 512 < st.st_size && lseek(fd, 0, SEEK_HOLE) == st.st_size) return Block::kUnknown;
  off_t data = lseek(fd, static_cast<off_t>(block), SEEK_DATA);
  if (data < 0) return errno == ENXIO ? Block::kHole : Block::kUnknown;
  return static_cast<uint64_t>(data) < block + kBlock ? Block::kData : Block::kHole;
}

// One block or less, when there is no room to be reserved: the block must turn out to be there already. Bytes
// that are in the file are never at risk: what is undone is beyond its end, or has no data in it.
Sys<uint64_t> ChangeInPlace(const File& file, uint64_t offset, uint64_t size, const Change& change) {
  struct stat st;
  if (fstat(file.fd, &st) != 0) return SysFail();
  file.quota.Settle(file.ino, static_cast<uint64_t>(st.st_blocks) * 512);
  const uint64_t block = BlockOf(offset);
  if (block >= static_cast<uint64_t>(st.st_size)) {
    uint64_t done = TRY(change(offset, size));
    TRY(ChargeOrUndo(file, [&] { (void)!ftruncate(file.fd, st.st_size); }));
    return done;
  }
  const Block found = LookAt(file.fd, st, block);
  if (found == Block::kUnknown) return SysFail(ENOSPC);
  if (found == Block::kHole) {
    const auto start = static_cast<off_t>(block);
    if (fallocate(file.fd, FALLOC_FL_KEEP_SIZE, start, kBlock) != 0) return SysFail(ENOSPC);
    TRY(ChargeOrUndo(
        file, [&] { (void)!fallocate(file.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, start, kBlock); }));
  }
  auto done = change(offset, size);
  Settle(file, 0);
  return done;
}

}  // namespace

Sys<uint64_t> ChangeMetered(Quota& quota, int fd, uint64_t offset, uint64_t size, const Change& change) {
  if (!quota.counts_bytes()) return change(offset, size);
  struct stat st;
  if (fstat(fd, &st) != 0) return SysFail();
  const File file{quota, fd, st.st_ino};
  std::lock_guard guard(quota.FileLock(file.ino));
  uint64_t done = 0, piece = size;
  while (done < size) {
    const uint64_t at = offset + done;
    piece = std::min(piece, size - done);
    const uint64_t room = BlockOf(at + piece - 1) + kBlock - BlockOf(at);
    Sys<uint64_t> changed;
    if (quota.TakeBytes(room)) {
      changed = change(at, piece);
      Settle(file, room);
    } else if (room > kBlock) {
      piece = BlockOf(at + piece / 2);
      piece = piece > at ? piece - at : BlockOf(at) + kBlock - at;
      continue;
    } else {
      changed = ChangeInPlace(file, at, piece, change);
    }
    if (!changed && done == 0) return changed;
    if (!changed || *changed == 0) break;
    done += *changed;
    if (*changed < piece) break;
  }
  return done;
}

Sys<> ShrinkMetered(Quota& quota, int fd, const std::function<Sys<>()>& change) {
  if (!quota.counts_bytes()) return change();
  struct stat st;
  if (fstat(fd, &st) != 0) return SysFail();
  std::lock_guard guard(quota.FileLock(st.st_ino));
  auto changed = change();
  Settle({quota, fd, st.st_ino}, 0);
  return changed;
}

}  // namespace wolffia
