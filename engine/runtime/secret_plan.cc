#include "engine/runtime/secret_plan.h"

#include <string.h>
#include <sys/mount.h>

#include <algorithm>

#include "engine/base/file.h"
#include "engine/runtime/launch_plan.h"
#include "engine/runtime/mount_plan.h"
#include "storage/secret_store.h"

namespace wolffia {
namespace {

constexpr std::string_view kDirectory = "/run/secrets";
constexpr size_t kPage = 4096;

std::string PathOf(const SecretUse& use) {
  return CleanPath(use.target.starts_with('/')
                       ? use.target
                       : std::string(kDirectory) + "/" + (use.target.empty() ? use.name : use.target));
}

bool IsInside(const std::string& path) {
  return path.starts_with(std::string(kDirectory) + "/");
}

step::MountFilesystem Tmpfs(const std::vector<SecretFile>& files) {
  // Room for the files, each with the directories above it, and a little for the file system itself.
  size_t pages = 16, inodes = 16;
  for (const SecretFile& file : files) {
    pages += file.data.size() / kPage + 1;
    inodes += 1 + static_cast<size_t>(std::ranges::count(file.path, '/'));
  }
  step::MountFilesystem mount{"tmpfs", "tmpfs", std::string(kDirectory), {}, 0, false};
  mount.options = {
      {"mode", "0755"}, {"size", std::to_string(pages * kPage)}, {"nr_inodes", std::to_string(inodes)}};
  mount.attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  return mount;
}

}  // namespace

Result<ContainerSecrets> ContainerSecrets::Read(const Store& store, const ContainerRecord& record) {
  ContainerSecrets secrets;
  const std::string directory = ContainerStore(store).DirectoryOf(record.id) + "/secrets/";
  for (const SecretUse& use : record.secrets) {
    std::string data = TRY_WITH(ReadFile(directory + use.name, kMaxSecretBytes), "secret " + use.name);
    if (use.as_env)
      secrets.env.push_back(use.target + "=" + data);
    else
      secrets.files.push_back({PathOf(use), data, use.uid, use.gid, use.mode});
    explicit_bzero(data.data(), data.size());
  }
  return secrets;
}

std::vector<LaunchStep> PlanSecretFiles(std::vector<SecretFile> files) {
  std::vector<LaunchStep> steps;
  if (files.empty()) return steps;
  steps.push_back(Tmpfs(files));
  int elsewhere = 0;
  for (SecretFile& file : files) {
    step::WriteFile write{file.path, std::move(file.data), file.uid, file.gid, file.mode, ""};
    if (!IsInside(file.path)) {
      write.bound_on =
          std::exchange(write.path, std::string(kDirectory) + "/.bound-" + std::to_string(elsewhere++));
    }
    steps.push_back(std::move(write));
  }
  return steps;
}

void AddSecretVariables(const std::vector<std::string>& secrets, std::vector<std::string>& env) {
  for (const std::string& secret : secrets) {
    const std::string name = secret.substr(0, secret.find('=') + 1);
    std::erase_if(env, [&](const std::string& variable) { return variable.starts_with(name); });
    env.push_back(secret);
  }
}

void WipeSecrets(LaunchPlan& plan) {
  auto wipe = [](std::string& text) { explicit_bzero(text.data(), text.size()); };
  for (LaunchStep& step : plan.steps) {
    if (auto* write = std::get_if<step::WriteFile>(&step)) wipe(write->data);
    if (auto* execute = std::get_if<step::Execute>(&step))
      for (std::string& variable : execute->env) wipe(variable);
  }
}

}  // namespace wolffia
