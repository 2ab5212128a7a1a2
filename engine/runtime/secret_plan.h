// Secrets of a container on their way from its directory into it: files in a tmpfs of its own on
// /run/secrets, bound from there where a target lies elsewhere, and variables of its environment. They are in
// the plan and nowhere else: not in the spec, not in words for people; the plan is wiped once the container
// has them.
#pragma once

#include <string>
#include <vector>

#include "engine/runtime/launch_step.h"
#include "storage/container_store.h"

namespace wolffia {

struct LaunchPlan;

struct SecretFile {
  std::string path;  // absolute, in the container
  std::string data;
  uint32_t uid = 0, gid = 0, mode = 0444;
};

struct ContainerSecrets {
  std::vector<SecretFile> files;
  std::vector<std::string> env;  // "NAME=value"

  // The copies that were made when the container was.
  static Result<ContainerSecrets> Read(const Store& store, const ContainerRecord& record);
};

// After the mounts, before the root may become read-only.
std::vector<LaunchStep> PlanSecretFiles(std::vector<SecretFile> files);
// Replaces variables of the same name.
void AddSecretVariables(const std::vector<std::string>& secrets, std::vector<std::string>& env);

// Overwrites them in memory.
void WipeSecrets(LaunchPlan& plan);

}  // namespace wolffia
