// work/links: lower files with several names that have been copied up. Each is there as links/<its lower
// inode number>, and counts the lower names that still lead to it: in an xattr, or, where the object can have
// none (native ids: links, devices), in links/INO.pending beside it.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

#include "engine/base/file.h"
#include "storage/overlay/host_upper.h"

namespace wolffia {
namespace {

template <typename T>
std::optional<T> WholeNumber(std::string_view text) {
  T value = 0;
  auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || at != text.data() + text.size()) return std::nullopt;
  return value;
}

constexpr char kPendingSuffix[] = ".pending";

Sys<std::string> ReadBeside(int dirfd, const std::string& name) {
  Fd fd(openat(dirfd, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return SysFail();
  char text[16];
  ssize_t n = read(fd.get(), text, sizeof text);
  if (n < 0) return SysFail();
  return std::string(text, static_cast<size_t>(n));
}

}  // namespace

UpperSpot HostUpper::LinkedSpot(uint64_t origin, std::string* storage) {
  *storage = std::to_string(origin);
  return {links_.get(), storage->c_str()};
}

Sys<std::vector<uint64_t>> HostUpper::ListLinked() {
  std::vector<uint64_t> origins;
  for (const Name& entry : TRY(List(links_.get())))
    if (auto origin = WholeNumber<uint64_t>(entry.name)) origins.push_back(*origin);
  return origins;
}

Sys<uint32_t> HostUpper::PendingLinks(uint64_t origin) {
  std::string name;
  UpperRef ref = TRY(RefOf(LinkedSpot(origin, &name)));
  auto text = xattrs_->Get(ref, kPendingLinksXattr);
  if (!text && text.error() == ENODATA) text = ReadBeside(links_.get(), name + kPendingSuffix);
  if (!text && text.error() == ENOENT) return 0u;
  if (!text) return SysFail(text.error());
  auto pending = WholeNumber<uint32_t>(*text);
  return pending ? Sys<uint32_t>(*pending) : SysFail(EIO);
}

Sys<> HostUpper::SetPending(uint64_t origin, uint32_t pending) {
  std::string name;
  UpperRef ref = TRY(RefOf(LinkedSpot(origin, &name)));
  return WritePending(ref, origin, pending);
}

Sys<> HostUpper::WritePending(const UpperRef& ref, uint64_t origin, uint32_t pending) {
  const std::string text = std::to_string(pending);
  Sys<> set = xattrs_->Set(ref, kPendingLinksXattr, text);
  if (set || overrides() || (set.error() != EPERM && set.error() != EOPNOTSUPP)) return set;
  const std::string staged = NewName("s."), name = std::to_string(origin) + kPendingSuffix;
  Step();
  auto written = CreateFileAt(work_.get(), staged, text, 0600);
  if (!written) return SysFail(written.error().os_errno);
  return Rename(InWork(staged), {links_.get(), name.c_str()});
}

Sys<> HostUpper::LearnLinked(uint64_t origin) {
  if (overrides()) return {};
  std::string name;
  UpperSpot at = LinkedSpot(origin, &name);
  struct stat st;
  if (fstatat(at.dirfd, at.name, &st, AT_SYMLINK_NOFOLLOW) < 0) return SysFail();
  if (!S_ISREG(st.st_mode)) bare_linked_[st.st_ino] = origin;
  return {};
}

Sys<> HostUpper::PlaceLinked(Staged staged, uint64_t origin, uint32_t pending) {
  UpperRef ref{
      .dirfd = work_.get(), .name = staged.name().c_str(), .host_ino = staged.host_ino(), .fd = staged.fd()};
  TRY(WritePending(ref, origin, pending));
  std::string name;
  TRY(Rename(InWork(staged.name()), LinkedSpot(origin, &name)));
  Placed(&staged);
  return LearnLinked(origin);
}

// The intent is not pushed to the disk: if it is lost with the power the file has a name more than it counts,
// and keeps its name in work/links until it is removed with the container.
Sys<> HostUpper::LinkPending(uint64_t origin, const UpperSpot& to) {
  std::string name;
  UpperSpot from = LinkedSpot(origin, &name);
  uint32_t pending = TRY(PendingLinks(origin));
  if (pending == 0) return SysFail(EINVAL);
  struct stat st;
  if (fstatat(from.dirfd, from.name, &st, AT_SYMLINK_NOFOLLOW) < 0) return SysFail();
  Intent intent{.kind = Intent::Kind::kLink, .ino = st.st_ino, .leave_whiteout = pending - 1};
  std::string directory = TRY(intent_.PlaceOf(to.dirfd));
  intent.from = {"w/links", name};
  intent.to = {std::move(directory), to.name};
  TRY(intent_.Write(intent, false));
  Sys<> linked = Link(from, to);
  if (linked) {
    linked = SetPending(origin, pending - 1);
    if (!linked) (void)!Unlink(to).has_value();
  }
  TRY(intent_.Clear());
  return linked;
}

}  // namespace wolffia
