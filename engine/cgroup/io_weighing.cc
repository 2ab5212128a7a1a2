#include "engine/cgroup/io_weighing.h"

#include <fcntl.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/cgroup/limit_support.h"

namespace wolffia {
namespace {

constexpr size_t kMaxFile = 1 << 16;

}  // namespace

IoWeighing IoWeighing::Detect(const std::string& mount, const std::string& root) {
  IoWeighing found;
  const std::string blocks = root + "/sys/block/";
  auto disks = ListDirectory(AT_FDCWD, blocks);
  if (!disks) return found;
  found.known = true;
  for (const std::string& disk : *disks) {
    const std::string schedulers = ReadFile(blocks + disk + "/queue/scheduler", kMaxFile).value_or("");
    found.bfq |= schedulers.find("[bfq]") != std::string::npos;
  }
  const std::string cost = ReadFile(root + mount + "/io.cost.qos", kMaxFile).value_or("");
  found.cost = cost.find("enable=1") != std::string::npos;
  return found;
}

std::string IoWeightWarning(const IoWeighing& disks) {
  if (!disks.known || disks.bfq || disks.cost) return "";
  return std::string("--blkio-weight changes nothing now: no disk of this host divides its time by weights. "
                     "Remedy, for the administrator: ") +
         kWeighRemedy;
}

void WarnOfIoWeight(const Context& context, const CgroupConfig& config) {
  if (config.limits.blkio_weight == 0) return;
  const CgroupHost host = CgroupHost::Detect(context, WishOf(config), getuid());
  const std::string warning = IoWeightWarning(IoWeighing::Detect(host.mount));
  if (!warning.empty()) context.Warn(warning);
}

ScopeWeights ScopeWeightsHere(const ResourceLimits& limits, const std::string& mount) {
  const bool weighs = limits.blkio_weight != 0 || !limits.blkio_weight_device.empty();
  return WeightsOf(limits, weighs && IoWeighing::Detect(mount).cost);
}

}  // namespace wolffia
