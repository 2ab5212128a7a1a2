#include "cmd/run_root.h"

#include <fcntl.h>
#include <stdlib.h>

#include <cerrno>

#include "cmd/heavy_program.h"
#include "cmd/image_policy.h"
#include "cmd/image_view.h"

namespace wolffia {
namespace {

constexpr size_t kMaxRootFile = 4 << 20;

bool NamesTransport(std::string_view typed) {
  for (std::string_view transport : {"docker://", "oci:", "oci-archive:", "docker-archive:"})
    if (typed.starts_with(transport)) return true;
  return false;
}

Result<std::string> CheckedPolicy(const Command& command, const Settings& settings) {
  std::string policy = command.options().Has("pull") ? command.options().String("pull") : settings.policy;
  for (std::string_view known : {"always", "missing", "never", "newer"})
    if (policy == known) return policy;
  return Fail(Code::kInvalid, "--pull " + policy + ": there are always, missing, never and newer");
}

// Has wolffia-image pull it (or load the built-in one), and returns the record.
Result<ImageRecord> Acquire(const Command& command, const Session& session, const std::string& typed,
                            const std::string& policy) {
  const OptionValues& options = command.options();
  std::vector<std::string> words = {"internal-acquire", "--policy", policy};
  if (options.Has("platform")) words.push_back("--platform=" + options.String("platform"));
  if (options.Bool("quiet")) words.push_back("--quiet");
  if (options.Has("signature-policy"))
    words.push_back("--signature-policy=" + options.String("signature-policy"));
  words.insert(words.end(), {"--", typed});
  std::string id = TRY(RunHeavyProgram(command, words));
  // By the name that was typed where it means this image: the record then shows that name.
  if (!NamesTransport(typed))
    if (auto named = ResolveImage(session, typed); named && named->config.hex() == id) return named;
  return ResolveImage(session, id);
}

Result<ImageRecord> FindImage(const Command& command, const Session& session, const std::string& typed) {
  std::string policy = TRY(CheckedPolicy(command, session.settings));
  bool platform_asked = command.options().Has("platform");
  Platform wanted = Platform::Host();
  if (platform_asked) wanted = TRY(Platform::Parse(command.options().String("platform")));
  bool ask_registry = policy == "always" || policy == "newer" || NamesTransport(typed);
  if (!ask_registry) {
    auto local = ResolveImage(session, typed);
    if (!local && local.error().code != Code::kNotFound) return local;
    if (local && (!platform_asked || wanted.Accepts(local->platform))) return local;
  }
  return Acquire(command, session, typed, policy);
}

Result<RunRoot> OfDirectory(const std::string& typed) {
  char* resolved = realpath(typed.c_str(), nullptr);
  if (resolved == nullptr) return FailErrno("--rootfs " + typed);
  RunRoot root;
  root.rootfs = resolved;
  free(resolved);
  auto directory = std::make_shared<Fd>(TRY(OpenDirectory(AT_FDCWD, root.rootfs)));
  root.read_file = [directory](const std::string& path) -> Result<std::string> {
    Fd file = TRY(OpenInRoot(directory->get(), path, O_RDONLY | O_NONBLOCK));
    return ReadFd(file.get(), kMaxRootFile, path);
  };
  return root;
}

}  // namespace

Result<Lower> OpenLayers(const Command& command, const Store& store, const Digest& chain,
                         const std::vector<Digest>& diff_ids) {
  ImageStore images(store);
  auto lower = images.OpenLower(chain, diff_ids);
  if (lower) return lower;
  // The index is derived: missing or damaged, it is made again.
  if (lower.error().code != Code::kNotFound && lower.error().code != Code::kCorrupt) return lower;
  command.context.Debug("making the index of " + chain.str() + " again: " + lower.error().what);
  std::vector<std::string> words = {"internal-index"};
  for (const Digest& diff_id : diff_ids) words.push_back(diff_id.str());
  TRY(RunHeavyProgram(command, words));
  return images.OpenLower(chain, diff_ids);
}

Result<RunRoot> OpenRunRoot(const Command& command, const Session& session, const std::string& typed) {
  if (command.options().Bool("rootfs")) return OfDirectory(typed);
  RunRoot root;
  root.image = TRY(FindImage(command, session, typed));
  Platform host = Platform::Host();
  if (!command.options().Has("platform") && !host.Accepts(root.image.platform))
    return Fail(Code::kUnsupported, "image " + typed + " is for " + root.image.platform.str() +
                                        ", this host is " + host.str() + ": pull it with --platform " +
                                        host.str() + ", or give --platform " + root.image.platform.str() +
                                        " if this host can execute it");
  TRY(CheckPolicyOfNow(command, root.image));
  root.config = TRY(ReadImageConfig(session.store, root.image.config));
  auto lower =
      std::make_shared<Lower>(TRY(OpenLayers(command, session.store, root.image.chain, root.image.diff_ids)));
  root.lower = lower;
  root.read_file = [lower](const std::string& path) { return lower->ReadFile(path, kMaxRootFile); };
  return root;
}

}  // namespace wolffia
