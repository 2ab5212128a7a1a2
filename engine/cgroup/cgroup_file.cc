#include "engine/cgroup/cgroup_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "engine/base/event_loop.h"
#include "engine/base/file.h"
#include "engine/cgroup/io_weighing.h"

namespace wolffia {
namespace {

constexpr size_t kMaxFile = 1 << 20, kMaxDepth = 1000;
constexpr int64_t kMillisecond = 1'000'000;

// Without the way there.
std::string_view NameOf(const CgroupWrite& write) {
  return std::string_view(write.file).substr(write.file.rfind('/') + 1);
}

bool IsWeight(const CgroupWrite& write) {
  return NameOf(write) == "io.weight" || NameOf(write) == "io.bfq.weight";
}

bool IsOfDevices(const CgroupWrite& write) {
  return NameOf(write).starts_with("io.") && write.text.find(':') != std::string::npos;
}

// What writing it again restores: of a file with a line for each device, that of the one which is changed; of
// weights, whose first line is the default, that.
std::string Before(int cgroup, const CgroupWrite& write) {
  const std::string text = ReadCgroupFile(cgroup, write.file).value_or("");
  if (!IsOfDevices(write)) return IsWeight(write) ? text.substr(0, text.find('\n')) : text;
  const std::string device = write.text.substr(0, write.text.find(' ') + 1);
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    if (line.starts_with(device)) return std::string(line);
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
  return device + (NameOf(write) == "io.max" ? "rbps=max wbps=max riops=max wiops=max" : "default");
}

// Those of its two files that this kernel has.
std::vector<CgroupWrite> Resolve(int cgroup, const CgroupWrite& write) {
  std::vector<CgroupWrite> found = {write};
  if (write.other_file.empty() || faccessat(cgroup, write.other_file.c_str(), F_OK, 0) != 0) return found;
  if (faccessat(cgroup, write.file.c_str(), F_OK, 0) != 0) found.clear();
  CgroupWrite& other = found.emplace_back(write);
  other.file = write.other_file;
  other.text = write.other_text;
  return found;
}

// The name of one cgroup below; empty: there is none.
std::string FirstBelow(int cgroup) {
  const int fd = openat(cgroup, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* files = fd < 0 ? nullptr : fdopendir(fd);
  if (files == nullptr) {
    if (fd >= 0) close(fd);
    return "";
  }
  std::string name;
  while (const dirent* entry = readdir(files)) {
    if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    name = entry->d_name;
    break;
  }
  closedir(files);
  return name;
}

std::unexpected<Error> Explain(const CgroupWrite& write, Error error) {
  const std::string what = write.flag + " cannot hold: ";
  switch (error.os_errno) {
    case EOPNOTSUPP:
      if (!IsWeight(write)) return std::unexpected(std::move(error).With(write.flag + " cannot hold"));
      return Fail(Code::kUnsupported,
                  what + "that disk does not divide its time by weights (" + write.text +
                      "). Remedy, for the administrator: " + kWeighRemedy,
                  EOPNOTSUPP);
    case ENOENT:
      return Fail(Code::kUnsupported,
                  what + "this kernel has no " + std::string(NameOf(write)) +
                      (write.other_file.empty() ? "" : " (and no io.bfq.weight)") +
                      "; leave the flag out, or ask the administrator for a kernel that has it",
                  ENOENT);
    case ENODEV:
    case ENXIO:
      return Fail(Code::kInvalid,
                  what +
                      "the kernel limits whole block devices, no partitions, and not every kind of them (" +
                      write.text + ")",
                  error.os_errno);
    case EINVAL:
    case ERANGE:
      return Fail(Code::kInvalid,
                  what + "the kernel does not take \"" + write.text + "\" for " + std::string(NameOf(write)),
                  error.os_errno);
    default:
      return std::unexpected(std::move(error).With(write.flag + " cannot hold"));
  }
}

}  // namespace

Result<std::string> ReadCgroupFile(int cgroup, const std::string& name) {
  return ReadFileAt(cgroup, name, kMaxFile);
}

Result<> WriteCgroupFile(int cgroup, const std::string& name, std::string_view text) {
  Fd file = TRY(OpenAt(cgroup, name, O_WRONLY));
  ssize_t n = 0;
  do n = write(file.get(), text.data(), text.size());
  while (n < 0 && errno == EINTR);
  return n < 0 ? Result<>(FailErrno("write \"" + std::string(text) + "\" to " + name)) : Result<>();
}

int64_t CgroupValue(std::string_view text, int64_t otherwise) {
  if (text.starts_with("max")) return INT64_MAX;
  int64_t value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

int64_t CgroupNumber(std::string_view text, std::string_view key, int64_t otherwise) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with(key) && line.substr(key.size()).starts_with(' '))
      return CgroupValue(line.substr(key.size() + 1), otherwise);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return otherwise;
}

Result<> AwaitCgroupEvent(int cgroup, std::string_view key, int64_t value, int64_t patience_ns) {
  Fd events = TRY(OpenAt(cgroup, "cgroup.events", O_RDONLY));
  const int64_t deadline = EventLoop::Now() + patience_ns;
  for (;;) {
    char text[512];
    const ssize_t n = pread(events.get(), text, sizeof text, 0);
    if (n < 0) return FailErrno("read cgroup.events");
    if (CgroupNumber({text, static_cast<size_t>(n)}, key, -1) == value) return {};
    const int64_t left = deadline - EventLoop::Now();
    if (left <= 0) return Fail(Code::kBusy, "its processes did not heed the kernel in time");
    pollfd changed{events.get(), POLLPRI, 0};  // kernfs: from the last read on
    poll(&changed, 1, static_cast<int>((left + kMillisecond - 1) / kMillisecond));
  }
}

// Down to a cgroup with none below it, which goes, and up again: the container says how deep it is, so
// neither the stack nor descriptors may grow with it.
Result<> RemoveCgroup(int parent, const std::string& name) {
  if (unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
  std::vector<std::string> way = {name};
  Fd here = TRY(OpenDirectory(parent, name));
  while (!way.empty()) {
    if (std::string below = FirstBelow(here.get()); !below.empty() && way.size() < kMaxDepth) {
      here = TRY(OpenDirectory(here.get(), below));
      way.push_back(std::move(below));
      continue;
    }
    here = way.size() == 1 ? TRY(OpenDirectory(parent, ".")) : TRY(OpenDirectory(here.get(), ".."));
    if (unlinkat(here.get(), way.back().c_str(), AT_REMOVEDIR) < 0 && errno != ENOENT)
      return FailErrno("remove the cgroup " + way.back());
    way.pop_back();
  }
  return {};
}

void TakeBackLimits(int cgroup, const LimitUndo& undo) {
  for (auto entry = undo.rbegin(); entry != undo.rend(); ++entry)
    (void)WriteCgroupFile(cgroup, entry->first, entry->second);
}

namespace {

// Of two files one that takes it is enough: io.weight refuses a device without io.cost, io.bfq.weight one
// without bfq.
Result<> WriteLimit(int cgroup, const CgroupWrite& asked, LimitUndo& done) {
  Result<> failed;
  const size_t taken = done.size();
  for (const CgroupWrite& write : Resolve(cgroup, asked)) {
    std::string before = Before(cgroup, write);
    auto written = WriteCgroupFile(cgroup, write.file, write.text);
    if (written)
      done.emplace_back(write.file, std::move(before));
    else if (failed)
      failed = Explain(write, std::move(written.error()));
  }
  return done.size() > taken || asked.optional ? Result<>() : failed;
}

}  // namespace

Result<> WriteLimits(int cgroup, const std::vector<CgroupWrite>& writes, LimitUndo* undo) {
  LimitUndo done;
  for (const CgroupWrite& write : writes) {
    auto written = WriteLimit(cgroup, write, done);
    if (written) continue;
    TakeBackLimits(cgroup, done);
    return written;
  }
  if (undo != nullptr) *undo = std::move(done);
  return {};
}

}  // namespace wolffia
