#include "engine/runtime/upper_choice.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include <charconv>

#include "engine/base/file.h"
#include "engine/runtime/overlay_probe.h"
#include "storage/staging.h"

namespace wolffia {
namespace {

constexpr size_t kMaxAnswerBytes = 64;

int64_t BootTime() {
  timespec now{}, up{};
  clock_gettime(CLOCK_REALTIME, &now);
  clock_gettime(CLOCK_BOOTTIME, &up);
  return now.tv_sec - up.tv_sec;
}

// A file with the errno that the probe ended with, 0 where it works.
std::optional<int> KnownAnswer(const std::string& path) {
  struct stat st;
  if (stat(path.c_str(), &st) < 0 || st.st_mtim.tv_sec < BootTime()) return std::nullopt;
  auto text = ReadFile(path, kMaxAnswerBytes);
  if (!text) return std::nullopt;
  int answer = 0;
  auto [rest, error] = std::from_chars(text->data(), text->data() + text->size(), answer);
  if (error != std::errc() || rest != text->data() + text->size()) return std::nullopt;
  return answer;
}

// In staging, so that what a killed command leaves of it is swept up.
Result<OverlayProbe> Probe(const Store& store, bool memory) {
  Staging staging = TRY(Staging::Begin(store));
  if (mkdirat(staging.dirfd(), "probe", 0700) < 0) return FailErrno("try the kernel's overlayfs");
  return ProbeOverlay(store.root_path() + "/" + staging.path() + "/probe", memory);
}

Result<bool> KernelCan(const Context& context, const Store& store, bool memory) {
  struct stat st;
  if (fstat(store.root(), &st) < 0) return FailErrno("look at " + store.root_path());
  const std::string name =
      memory ? "memory" : std::to_string(major(st.st_dev)) + "-" + std::to_string(minor(st.st_dev));
  const std::string directory = store.runroot_path() + "/upper";
  if (auto known = KnownAnswer(directory + "/" + name)) return *known == 0;
  OverlayProbe probe = TRY(Probe(store, memory));
  context.Debug(
      std::string("the kernel's overlayfs ") +
      (probe.works ? "works here" : std::string("is refused here: ") + std::strerror(probe.os_errno)));
  if (!probe.lasting) return probe.works;
  auto kept = MakeDirectories(directory);
  if (kept)
    kept = ReplaceFileAt(AT_FDCWD, directory + "/" + name, std::to_string(probe.os_errno), 0600,
                         Durability::kVolatile);
  if (!kept) context.Debug("the probe's answer is not kept: " + kept.error().what);
  return probe.works;
}

}  // namespace

Result<std::string> ChooseUpper(const Context& context, const Store& store, const Settings& settings,
                                const StorageRequest& request) {
  const std::string& wanted = request.upper.empty() ? settings.upper : request.upper;
  const bool limited = !request.memory && (request.size != 0 || request.inodes != 0);
  if (wanted == "kernel" && limited)
    return Fail(Code::kUnsupported,
                std::string("--storage-opt ") + (request.size != 0 ? "size" : "inodes") +
                    ": the kernel's overlayfs has no limits for an ordinary user; give --storage-opt "
                    "upper=fuse, or upper=memory");
  if (wanted != "auto") return wanted;
  if (limited) return std::string("fuse");
  return std::string(TRY(KernelCan(context, store, request.memory)) ? "kernel" : "fuse");
}

}  // namespace wolffia
