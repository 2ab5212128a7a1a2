#include "cmd/dispatch.h"

namespace wolffia {

Result<int> VolumeCreateVerb(const Command& command);
Result<int> VolumeExistsVerb(const Command& command);
Result<int> VolumeInspectVerb(const Command& command);
Result<int> VolumeLsVerb(const Command& command);
Result<int> VolumePruneVerb(const Command& command);
Result<int> VolumeRmVerb(const Command& command);
Result<int> SecretCreateVerb(const Command& command);
Result<int> SecretExistsVerb(const Command& command);
Result<int> SecretInspectVerb(const Command& command);
Result<int> SecretLsVerb(const Command& command);
Result<int> SecretRmVerb(const Command& command);

std::span<const VerbEntry> VolumesEntries() {
  static constexpr VerbEntry kEntries[] = {
      {"volume create", VolumeCreateVerb},   {"volume exists", VolumeExistsVerb},
      {"volume inspect", VolumeInspectVerb}, {"volume ls", VolumeLsVerb},
      {"volume prune", VolumePruneVerb},     {"volume rm", VolumeRmVerb},
      {"secret create", SecretCreateVerb},   {"secret exists", SecretExistsVerb},
      {"secret inspect", SecretInspectVerb}, {"secret ls", SecretLsVerb},
      {"secret rm", SecretRmVerb},
  };
  return kEntries;
}

}  // namespace wolffia
