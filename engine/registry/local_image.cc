#include "engine/registry/local_image.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/registry/decompressor.h"

namespace wolffia {
namespace {

constexpr size_t kStep = 128 << 10;
constexpr uint64_t kWindowBytes = uint64_t{16} << 20;
constexpr std::string_view kXz = "\xfd\x37\x7a\x58\x5a", kBzip2 = "BZh";

Result<> Spool(int from, int to, uint64_t limit, const std::string& name, const Cancel& cancel) {
  WindowBudget windows(kWindowBytes);
  uint64_t written = 0;
  Decompressor decoder(
      [&](std::string_view bytes) -> Result<> {
        written += bytes.size();
        if (written > limit)
          return Fail(Code::kNoSpace, "it has more than " + std::to_string(limit) +
                                          " bytes uncompressed: raise pull.max_layer_size if this is meant");
        return WriteFull(to, bytes);
      },
      windows, cancel);
  auto buffer = std::make_unique_for_overwrite<char[]>(kStep);
  for (size_t got; (got = TRY(ReadFull(from, buffer.get(), kStep))) > 0;)
    TRY_WITH(decoder.Push({buffer.get(), got}), name);
  return decoder.Finish().With(name);
}

}  // namespace

Result<LocalImage> OpenLocalImage(const Store& store, const std::string& path, uint64_t spool_limit,
                                  const Cancel& cancel) {
  const bool is_stdin = path == "-";
  const std::string name = is_stdin ? "stdin" : path;
  Fd file;
  if (is_stdin) {
    file = Fd(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!file) return FailErrno("stdin");
  } else {
    file = TRY(Open(path, O_RDONLY | O_NOCTTY));
  }
  struct stat st;
  if (fstat(file.get(), &st) != 0) return FailErrno("stat " + name);
  LocalImage image;
  if (S_ISDIR(st.st_mode)) {
    image.files = TRY(DirectoryTree::Open(path));
    return image;
  }
  if (isatty(file.get()) == 1)
    return Fail(Code::kInvalid, name + " is a terminal: name a file or redirect one");
  if (S_ISREG(st.st_mode)) {
    char magic[6] = {};
    size_t got = TRY(PreadFull(file.get(), magic, sizeof magic, 0));
    std::string_view start(magic, got);
    if (start.starts_with(kXz) || start.starts_with(kBzip2))
      return Fail(Code::kUnsupported,
                  name + " is compressed with xz or bzip2: decompress it first, or use gzip or zstd");
    if (got >= 4 && !start.starts_with("\x1f\x8b") && !start.starts_with("\x28\xb5\x2f\xfd")) {
      image.files = TRY_WITH(ArchiveTree::Open(std::move(file)), name);
      return image;
    }
    if (lseek(file.get(), 0, SEEK_SET) != 0) return FailErrno("seek in " + name);
  }
  image.staging.emplace(TRY(Staging::Begin(store)));
  Fd spool = TRY(OpenAt(image.staging->dirfd(), "archive", O_RDWR | O_CREAT | O_EXCL, 0600));
  TRY(Spool(file.get(), spool.get(), spool_limit, name, cancel));
  image.files = TRY_WITH(ArchiveTree::Open(std::move(spool)), name);
  return image;
}

}  // namespace wolffia
